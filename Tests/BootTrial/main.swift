import BootLoaders
import Glibc
import LinuxSystem
import SystemPackage

// boot-trial LOADER PARTITION kernel CHECKSUM KERNEL INITRAMFS [unused]
//                           | add STATEROOT GENERATION TRIES FOLDER KERNEL-FOLDER TITLE ARGUMENT…
//                           | remove GENERATION | good GENERATION | bad GENERATION | prune | list
//                           | install IMAGE TIMEOUT [DISK FIRST SECTORS] | update IMAGE [DISK FIRST SECTORS] | confirm
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

func source(biosFrom index: Int) -> LoaderSource {
    let hasDisk = arguments.count > index + 2
    let area =
        hasDisk
        ? BIOSBootArea(
            disk: FilePath(arguments[index]), firstSector: UInt64(number(index + 1)), sectors: UInt64(number(index + 2))
        )
        : nil
    return LoaderSource(image: FilePath(arguments[4]), bios: area)
}

do {
    let partition = BootPartition(root: FilePath(arguments[2]))
    let configuration = BootConfiguration(loader: LoaderKind(rawValue: arguments[1]) ?? .grub, partition: "")
    let loader = configuration.bootLoader(on: partition)
    switch arguments[3] {
    case "kernel":
        let source = KernelSource(
            bootChecksum: arguments[4], kernel: FilePath(arguments[5]), initramfs: FilePath(arguments[6]))
        print(try partition.addKernel(partition.addition(of: source) { arguments.last != "unused" }))
    case "add": try loader.add(entry())
    case "remove": try loader.remove(generation: number(4))
    case "good": try loader.markGood(generation: number(4))
    case "bad": try loader.markBad(generation: number(4))
    case "prune": try partition.removeKernels(except: loader.listing().kernelFolders)
    case "install": try loader.install(source(biosFrom: 6), options: LoaderOptions(timeout: number(5)))
    case "update": print(try loader.updateLoader(source(biosFrom: 5), force: false))
    case "confirm": try loader.confirmLoader()
    default: for entry in try loader.listing().entries { print("\(entry.name.text) \(entry.deployment)") }
    }
} catch {
    print("error: \(error)")
    exit(1)
}
