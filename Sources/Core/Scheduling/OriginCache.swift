import ClusterModel

/// How near every node is to an origin, in columns.
struct OriginColumns: Sendable {
  var latency: ContiguousArray<Double>
  var latencyScore: ContiguousArray<Double>
  var distanceScore: ContiguousArray<Double>
  /// Kilometres; negative when unknown.
  var kilometres: ContiguousArray<Double>
}

/// The columns of origins that were asked for lately. Most requests come from few places.
struct OriginCache: Sendable {
  private struct Entry: Sendable {
    let origin: NodeLocation?
    var columns: OriginColumns
  }

  private var entries: [Entry] = []
  /// Each costs 32 bytes a node.
  private static let maximum = 16

  mutating func forgetAll() { entries = [] }

  /// The place of an origin's columns, made if they are not there. The newest come first.
  mutating func index(of origin: NodeLocation?, _ table: FleetTable) -> Int {
    if let index = entries.firstIndex(where: { $0.origin == origin }) {
      if index > 0 { entries.swapAt(0, index) }
      return 0
    }
    if entries.count == Self.maximum { entries.removeLast() }
    entries.insert(Entry(origin: origin, columns: Self.columns(of: origin, table)), at: 0)
    return 0
  }

  func columns(_ index: Int) -> OriginColumns { entries[index].columns }

  /// A latency has changed.
  mutating func update(_ row: Int, _ table: FleetTable, measuredFrom zone: Zone) {
    for index in entries.indices where entries[index].origin?.zone == zone {
      Self.set(
        row, &entries[index].columns, entries[index].origin, Self.point(entries[index].origin),
        table)
    }
  }

  private static func point(_ origin: NodeLocation?) -> EarthPoint? {
    origin?.coordinates.map { EarthPoint($0) }
  }

  private static func columns(of origin: NodeLocation?, _ table: FleetTable) -> OriginColumns {
    let empty = ContiguousArray(repeating: 0.0, count: table.count)
    var columns = OriginColumns(
      latency: empty, latencyScore: empty, distanceScore: empty, kilometres: empty)
    let point = point(origin)
    for row in 0..<table.count { set(row, &columns, origin, point, table) }
    return columns
  }

  private static func set(
    _ row: Int, _ columns: inout OriginColumns, _ origin: NodeLocation?, _ point: EarthPoint?,
    _ table: FleetTable
  ) {
    let kilometres: Double? =
      if let point, let place = table.places[row] { Proximity.kilometres(point, place) } else {
        nil
      }
    let latency = origin.flatMap { origin in
      Proximity.latency(
        measured: table.measured[origin.zone]?[table.ids[row]],
        isSameZone: table.zoneIndex[origin.zone] == table.zones[row], kilometres: kilometres)
    }
    columns.latency[row] = latency ?? -1
    columns.latencyScore[row] = Proximity.latencyScore(latency)
    columns.distanceScore[row] = Proximity.distanceScore(kilometres)
    columns.kilometres[row] = kilometres ?? -1
  }
}
