import BootLoaders
import Glibc
import LinuxSystem
import SystemPackage
import TestSupport
import Testing

/// A disk with GRUB on it, and a virtual machine that boots it. Its kernel prints its command line over the serial line.
struct BootMachine {
    let disk: TestPartition
    let grub: GRUB
    let source: LoaderSource

    init(usesSerialPort: Bool = false) throws {
        disk = try TestPartition()
        try disk.makeDisk()
        grub = GRUB(partition: disk.partition)
        let area = BIOSBootArea(
            disk: disk.disk, firstSector: TestPartition.area.first, sectors: TestPartition.area.sectors)
        source = LoaderSource(image: try Sample.image(in: disk.folder), bios: area)
        try grub.install(source, options: LoaderOptions(timeout: 0, usesSerialPort: usesSerialPort))
        try disk.partition.addKernel(Sample.kernel(in: disk.folder, Self.kernel))
    }

    /// What the kernel was started with; empty when none was.
    ///
    /// - Parameter keys: what is typed at the serial line, from the start on.
    func boot(uefi: Bool = false, keys: String = "") throws -> String {
        let result = try start(uefi: uefi, keys: keys)
        // What GRUB draws on the serial line may stand before it.
        let lines = result.text.split(whereSeparator: \.isNewline)
        let line = lines.compactMap { line in line.firstRange(of: "BOOT_IMAGE=").map { line[$0.lowerBound...] } }.last
        if line == nil { print(result.text, result.errorText) }
        return line.map { String($0) } ?? ""
    }

    /// How the machine ended, and what came over the serial line. A restart is an end.
    func start(uefi: Bool = false, keys: String = "", timeout: Double = 60) throws -> ProcessResult {
        try disk.store()
        defer { do { try disk.fetch("grub/grubenv") } catch { Issue.record(error) } }
        var command = [
            "/usr/bin/qemu-system-x86_64", "-accel", "tcg,thread=multi", "-cpu", "max,-cx16", "-m", "256",
            "-nodefaults",
            "-display", "none", "-serial", "stdio", "-no-reboot", "-device", "isa-debug-exit,iobase=0xf4",
            "-drive", "file=\(disk.disk.string),format=raw,if=ide",
        ]
        if uefi {
            let variables = disk.folder.path.appending("variables.fd")
            try TestPartition.check(["/bin/cp", "/usr/share/OVMF/OVMF_VARS_4M.fd", variables.string])
            command += [
                "-machine", "q35", "-drive",
                "if=pflash,unit=0,readonly=on,format=raw,file=/usr/share/OVMF/OVMF_CODE_4M.fd",
                "-drive", "if=pflash,unit=1,format=raw,file=\(variables.string)",
            ]
        }
        return try run(command, input: Array(keys.utf8), timeout: timeout)
    }

    /// The folder of the deployment that was booted, without the checksum: its serial.
    func bootedSerial(uefi: Bool = false, keys: String = "") throws -> String {
        let line = try boot(uefi: uefi, keys: keys)
        return line.split(separator: " ").first { $0.hasPrefix("ostree=") }.map {
            String($0.split(separator: ".").last ?? "")
        } ?? "none"
    }

    /// A kernel by the x86 boot protocol: it sends its command line and ends the machine.
    private static let kernel: [UInt8] = {
        var bytes = [UInt8](repeating: 0, count: 1024)
        func put(_ number: UInt64, at offset: Int, _ count: Int) {
            for index in 0..<count { bytes[offset + index] = UInt8(truncatingIfNeeded: number >> (8 * index)) }
        }
        put(1, at: 0x1f1, 1)  // sectors of set-up code
        put(1, at: 0x1f4, 4)  // paragraphs of code
        put(0xaa55, at: 0x1fe, 2)
        put(0x66eb, at: 0x200, 2)
        put(0x5372_6448, at: 0x202, 4)  // HdrS
        put(0x020a, at: 0x206, 2)
        put(1, at: 0x211, 1)  // loaded high
        put(0x10_0000, at: 0x214, 4)
        put(0x37ff_ffff, at: 0x22c, 4)
        put(0x10_0000, at: 0x230, 4)
        put(2047, at: 0x238, 4)
        put(0x10_0000, at: 0x258, 8)
        put(0x1_0000, at: 0x260, 4)
        bytes += [
            0x8b, 0xb6, 0x28, 0x02, 0x00, 0x00,  // mov esi, [esi + 0x228]: the command line
            0xba, 0xf8, 0x03, 0x00, 0x00,  // mov edx, 0x3f8
            0xac, 0x84, 0xc0, 0x74, 0x03, 0xee, 0xeb, 0xf8,  // lodsb; out dx, al; until 0
            0xb0, 0x0a, 0xee,  // a line feed
            0xba, 0xf4, 0x00, 0x00, 0x00, 0xee,  // the end of the machine
            0xf4, 0xeb, 0xfd,  // hlt
        ]
        return bytes + [UInt8](repeating: 0, count: 4096)
    }()
}
