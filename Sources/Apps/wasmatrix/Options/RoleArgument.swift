public import ArgumentParser
public import ClusterModel

// `--role deployer`: the roles by their names.
extension Role: ExpressibleByArgument {}
