import CLocalSystem
import Glibc

/// The C library's heap, which Swift's objects live in.
public enum Heap {
  /// Bytes from which on a block is mapped by itself: request bodies and modules, not events.
  private static let mappedBlock: Int32 = 256 << 10
  /// Free bytes at the end of the heap from which on they are returned.
  private static let trimmedEnd: Int32 = 16 << 20

  /// Makes the heap give memory back after a peak of load, instead of keeping what lies between: two
  /// arenas a processor (the default is eight), large blocks mapped apart, and
  /// free memory at the end returned early. To be called once, before threads are started.
  public static func keepCompact() {
    let arenas = Int32(clamping: 2 * max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))))
    ls_heap_settings(arenas, mappedBlock, trimmedEnd)
  }
}
