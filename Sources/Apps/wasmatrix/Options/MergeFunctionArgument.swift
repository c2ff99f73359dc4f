public import ArgumentParser
public import ClusterModel

// `--function max`: the merge functions by their names.
extension MergeFunction: ExpressibleByArgument {}
