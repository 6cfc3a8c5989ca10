import HostctlCommands
import LinuxSystem
import StoreCommands

CommandLineTool.run(HostctlStore.self, arguments: ProcessStart.arguments)
