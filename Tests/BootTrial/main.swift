import BootLoaders
import LinuxSystem
import SystemPackage

// boot-trial LOADER PARTITION kernel CHECKSUM KERNEL INITRAMFS
//                           | add STATEROOT GENERATION TRIES FOLDER KERNEL-FOLDER TITLE ARGUMENT…
//                           | remove GENERATION | good GENERATION | bad GENERATION | prune | list
let arguments = ProcessStart.arguments

func number(_ index: Int) -> Int { Int(arguments[index]) ?? 0 }

func entry() throws -> LoaderEntry {
    let tries = number(6)
    let name = try EntryName(
        stateroot: arguments[4], generation: number(5), counter: tries > 0 ? TryCounter(left: tries) : nil)
    return LoaderEntry(
        name: name, folder: arguments[7], title: arguments[9], kernelFolder: arguments[8],
        arguments: Array(arguments.dropFirst(10)))
}

do {
    let partition = BootPartition(root: FilePath(arguments[2]))
    let configuration = BootConfiguration(loader: LoaderKind(rawValue: arguments[1]) ?? .grub, partition: "")
    let loader = configuration.bootLoader(on: partition)
    switch arguments[3] {
    case "kernel":
        let source = KernelSource(
            bootChecksum: arguments[4], kernel: FilePath(arguments[5]), initramfs: FilePath(arguments[6]))
        print(try partition.addKernel(source))
    case "add": try loader.add(entry())
    case "remove": try loader.remove(generation: number(4))
    case "good": try loader.markGood(generation: number(4))
    case "bad": try loader.markBad(generation: number(4))
    case "prune": try partition.removeKernels(except: loader.listing().kernelFolders)
    default: for entry in try loader.listing().entries { print("\(entry.name.text) \(entry.deployment)") }
    }
} catch {
    print("error: \(error)")
    fatalError("\(error)")
}
