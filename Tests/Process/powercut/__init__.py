"""Power cuts without a switch: what a program did to its data folder is recorded beneath libc, and the
folder is made again as a power cut at any moment of it could have left it."""
