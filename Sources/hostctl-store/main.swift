import LinuxSystem

print(ProcessStart.arguments)
