import Disks
import LinuxSystem
import SystemPackage

// disk-trial DISK: makes its last partition reach to its end, and prints what came of it.

print(try PartitionGrowth(FilePath(ProcessStart.arguments[1])).run())
