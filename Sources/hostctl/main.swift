import HostctlCommands
import LinuxSystem

await FrontEnd.run(arguments: ProcessStart.arguments)
