import BootLoaders
import Glibc
import LinuxSystem
import SystemPackage
import TestSupport
import Testing

/// GRUB itself, in a virtual machine.
@Suite(
    .serialized,
    .enabled(
        if: access("/usr/bin/qemu-system-x86_64", X_OK) == 0 && ProcessVariables["HOSTCTL_TESTS"] != "quick",
        "needs QEMU, and takes a minute")) struct GRUBBootTests
{
    private let machine: BootMachine

    init() throws { machine = try BootMachine() }

    private func add(_ generation: Int, tries: Int = 0, arguments: [String] = ["rw"]) throws {
        try add(generation, to: machine, tries: tries, arguments: arguments)
    }

    private func add(
        _ generation: Int, to machine: BootMachine, tries: Int = 0, arguments: [String] = ["rw"]
    ) throws {
        try machine.grub.add(
            try Sample.entry(
                generation, tries: tries, folder: "\(Sample.checksum).\(generation)", arguments: arguments))
    }

    private var names: [String] { get throws { try machine.grub.listing().entries.map(\.name.text) } }

    @Test("a new entry is tried as often as it may be, and then the last good one boots, however often")
    func counts() throws {
        try add(8)
        try add(9, tries: 2)
        #expect(try machine.bootedSerial() == "9")
        #expect(try names == ["lean-000009+1-1", "lean-000008"])
        #expect(try machine.bootedSerial() == "9")
        #expect(try machine.bootedSerial() == "8")
        #expect(try machine.bootedSerial() == "8")
        #expect(try names == ["lean-000008", "lean-000009+0-2"])
        #expect(try machine.disk.complaints().isEmpty)

        // A third one, that is as bad, is not followed by the second one, whose count is in its name now.
        try add(10, tries: 1)
        #expect(
            try machine.disk.names("hostctl/grub") == ["lean-000008.cfg", "lean-000009+0-2.cfg", "lean-000010+1.cfg"])
        #expect(try machine.bootedSerial() == "10")
        #expect(try machine.bootedSerial() == "8")
        try machine.grub.markGood(generation: 10)
        #expect(try machine.bootedSerial() == "10")
    }

    @Test("UEFI starts the same entries with the same counts")
    func uefi() throws {
        try add(1)
        try add(2, tries: 1)
        #expect(try machine.bootedSerial(uefi: true) == "2")
        #expect(try machine.bootedSerial(uefi: true) == "1")
        #expect(try names == ["lean-000001", "lean-000002+0-1"])
    }

    @Test("Esc brings up the menu that is hidden, in which an older entry can be chosen")
    func menu() throws {
        let machine = try BootMachine(usesSerialPort: true)
        try add(8, to: machine)
        try add(9, to: machine)
        #expect(try machine.bootedSerial() == "9")
        // GRUB empties the port's queue when it finds it. A character after Esc could be the rest of a sequence, so
        // others stand between it and what counts: Ctrl-N, which is one entry down, and Enter.
        let keys = String(repeating: "\u{1b}", count: 64) + "xxxx\u{0e}\r"
        #expect(try machine.bootedSerial(keys: keys) == "8")
        #expect(try machine.bootedSerial() == "9")
    }

    @Test("the kernel sees every argument as it was given, spaces and metacharacters included")
    func arguments() throws {
        let plain = [
            "a=$b", "c={d}", "e=`f`;g", "h=#i", "j=*k?", "o=|p&q>r<s", "t=ü", "!w", "~x", "$((1))",
            "${root}",
        ]
        try add(1, arguments: plain + ["l=\"m n\""])
        let line = try machine.boot()
        #expect(line.hasSuffix(([".1"] + plain + ["\"l=m n\""]).joined(separator: " ")), "\(line)")
    }

    @Test("a snippet that is cut off, empty or binary is passed over, and so is a missing kernel")
    func damage() throws {
        try add(1)
        try add(2)
        let text = try machine.disk.read("hostctl/grub/lean-000002.cfg")
        for cut in [0, 60, text.count / 2, text.count - 4] {
            try machine.disk.write("hostctl/grub/lean-000002.cfg", String(text.prefix(cut)))
            #expect(try machine.bootedSerial() == "1", "cut at \(cut)")
        }
        try machine.disk.write("hostctl/grub/lean-000002.cfg", (0...255).map { UInt8($0) })
        #expect(try machine.bootedSerial() == "1")
        try machine.disk.write("hostctl/grub/lean-000002.cfg", text.replacing(Sample.kernelFolder, with: "nowhere"))
        #expect(try machine.bootedSerial() == "1")
    }

    @Test("an entry that somebody has copied to a higher number does not keep GRUB from the one that boots")
    func copiedEntry() throws {
        for generation in 1...3 { try add(generation) }
        let text = try machine.disk.read("hostctl/grub/lean-000001.cfg")
        let broken = text.replacing(Sample.kernelFolder, with: "nowhere")
        for file in ["lean-000001", "lean-000009"] { try machine.disk.write("hostctl/grub/\(file).cfg", broken) }
        let newest = try machine.disk.read("hostctl/grub/lean-000003.cfg")
        try machine.disk.write(
            "hostctl/grub/lean-000003.cfg", newest.replacing(Sample.kernelFolder, with: "nowhere"))
        #expect(try machine.bootedSerial() == "2")
    }

    @Test("an environment block that cannot be read or written starts no entry that has to be counted")
    func environment() throws {
        try add(1)
        try add(2, tries: 3)
        try machine.disk.write("grub/grubenv", "garbage")
        #expect(try machine.bootedSerial() == "1")
        #expect(try machine.bootedSerial() == "1")
    }

    @Test("where nothing can be started the machine restarts, and does not wait for a key for ever", arguments: [0, 2])
    func nothingBoots(_ entries: Int) throws {
        let machine = try BootMachine(usesSerialPort: true)
        for generation in 1..<entries + 1 {
            try add(generation, to: machine)
            let file = "hostctl/grub/lean-00000\(generation).cfg"
            let text = try machine.disk.read(file)
            try machine.disk.write(file, text.replacing(Sample.kernelFolder, with: "nowhere"))
        }
        let result = try machine.start(timeout: 300)
        #expect(result.end == .exited(0), "\(result.text)")
        #expect(result.text.contains("restarts in 30 seconds"), "\(result.text)")
        // Each of them has been tried, the first choice twice, and nothing that is not there.
        let tried = result.text.split(separator: "Falling back to").count - 1
        #expect(tried == (entries == 0 ? 0 : entries + 1), "\(result.text)")
    }

    @Test("an entry without a try left boots where there is no other") func exhausted() throws {
        try add(1, tries: 1)
        #expect(try machine.bootedSerial() == "1")
        #expect(try names == ["lean-000001+0-1"])
        #expect(try machine.bootedSerial() == "1")
        // As its name says it, when the block has gone on to another one.
        let text = try machine.disk.read("hostctl/grub/lean-000001+1.cfg")
        try Files.remove(machine.disk.root.appending("hostctl/grub/lean-000001+1.cfg"))
        try machine.disk.write("hostctl/grub/lean-000001+0-1.cfg", text)
        #expect(try machine.bootedSerial() == "1")
    }
}
