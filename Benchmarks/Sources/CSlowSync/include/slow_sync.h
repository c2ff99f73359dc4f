#pragma once

/// From now on each fdatasync of this process, SQLite's as well, takes so much longer: as on a slower disk.
/// Nanoseconds; 0 for as long as it takes.
void slow_sync_by(long nanoseconds);
