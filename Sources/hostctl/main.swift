import HostctlCommands
import LinuxSystem

FrontEnd.run(arguments: ProcessStart.arguments)
