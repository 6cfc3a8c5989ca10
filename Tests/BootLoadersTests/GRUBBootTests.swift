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

    @Test("an environment block that cannot be read or written starts no entry that has to be counted")
    func environment() throws {
        try add(1)
        try add(2, tries: 3)
        try machine.disk.write("grub/grubenv", "garbage")
        #expect(try machine.bootedSerial() == "1")
        #expect(try machine.bootedSerial() == "1")
    }
}
