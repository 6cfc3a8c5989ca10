import BootLoaders
import LinuxSystem
import SystemPackage
import Testing

/// What both loaders have in common.
@Suite struct EntryTests {
    private let disk: TestPartition

    init() throws { disk = try TestPartition() }

    private func folder(_ kind: LoaderKind) -> String { kind == .grub ? "hostctl/grub" : "loader/entries" }

    @Test("an entry reads back as it was added, whatever its title and arguments", arguments: LoaderKind.allCases)
    func roundTrip(_ kind: LoaderKind) throws {
        let loader = try disk.prepared(kind)
        let arguments = [
            "root=LABEL=root", "rw", "a=$b", "c={d}", "e=`f`;g", "h=#i", "j=*k?", "l=\"m n\"", "o=|p&q>r<s", "t=ü", "=",
            "!w", "~x", "quiet",
        ]
        let entry = try Sample.entry(
            3, tries: 3, title: "It's \"$lean\" {host} 1.2~3; ü \\ #", arguments: arguments)
        try loader.add(entry)
        #expect(try loader.listing().entries == [entry])
    }

    @Test("what no line can hold is refused, and nothing is written", arguments: LoaderKind.allCases)
    func refusals(_ kind: LoaderKind) throws {
        let loader = try disk.prepared(kind)
        for argument in ["a\nb", "a\0b", "a b", "", "a\tb", "ostree=/elsewhere"] {
            #expect(throws: BootLoaderError.unusableArgument(argument)) {
                try loader.add(try Sample.entry(1, arguments: ["rw", argument]))
            }
        }
        #expect(throws: BootLoaderError.unusableArgument("a\nlinux /evil")) {
            try loader.add(try Sample.entry(1, title: "a\nlinux /evil"))
        }
        #expect(throws: BootLoaderError.self) { try EntryName(stateroot: "a+b", generation: 1) }
        #expect(throws: BootLoaderError.self) { try EntryName(stateroot: "../a", generation: 1) }
        #expect(throws: BootLoaderError.self) { try EntryName(stateroot: "a", generation: 1_000_000) }
        #expect(try disk.names(folder(kind)).isEmpty)
    }

    @Test("what GRUB would hand over in another form is refused by GRUB alone")
    func quotesForGRUB() throws {
        let grub = try disk.prepared(.grub)
        for argument in ["a='b'", "a=b\\c", "a=b\"c\"d", "a=\\x20"] {
            #expect(throws: BootLoaderError.unusableArgument(argument)) {
                try grub.add(try Sample.entry(1, arguments: [argument]))
            }
            let entry = try Sample.entry(1, arguments: [argument])
            let other = try TestPartition()
            try other.prepared(.systemdBoot).add(entry)
            #expect(try other.loader(.systemdBoot).listing().entries == [entry])
        }
    }

    @Test("an entry whose kernel is missing or empty is refused", arguments: LoaderKind.allCases)
    func kernels(_ kind: LoaderKind) throws {
        let loader = disk.loader(kind)
        #expect(throws: BootLoaderError.noKernel(Sample.kernelFolder)) { try loader.add(try Sample.entry(1)) }
        try disk.write("hostctl/\(Sample.kernelFolder)/vmlinuz", "kernel")
        try disk.write("hostctl/\(Sample.kernelFolder)/initramfs.img", "")
        #expect(throws: BootLoaderError.noKernel(Sample.kernelFolder)) { try loader.add(try Sample.entry(1)) }
    }

    @Test("generations decide the order, exhausted ones come last", arguments: LoaderKind.allCases)
    func order(_ kind: LoaderKind) throws {
        let loader = try disk.prepared(kind)
        for generation in [9, 12, 10, 11] { try loader.add(try Sample.entry(generation, tries: generation % 2)) }
        #expect(try loader.listing().entries.map(\.generation) == [12, 11, 10, 9])
        try loader.markBad(generation: 12)
        #expect(try loader.listing().entries.map(\.generation) == [11, 10, 9, 12])
        #expect(try loader.listing().nextGeneration == 13)
        #expect(throws: BootLoaderError.generationTaken(12)) { try loader.add(try Sample.entry(12)) }
        try loader.markGood(generation: 12)
        try loader.markGood(generation: 12)
        #expect(
            try loader.listing().entries.map(\.name.text) == [
                "lean-000012", "lean-000011+1", "lean-000010", "lean-000009+1",
            ])
    }

    @Test("the last entry that boots can neither be removed nor be marked bad", arguments: LoaderKind.allCases)
    func lastEntry(_ kind: LoaderKind) throws {
        let loader = try disk.prepared(kind)
        try loader.add(try Sample.entry(1))
        try loader.add(try Sample.entry(2, tries: 1))
        try loader.markBad(generation: 2)
        #expect(throws: BootLoaderError.lastEntry(1)) { try loader.remove(generation: 1) }
        #expect(throws: BootLoaderError.lastEntry(1)) { try loader.markBad(generation: 1) }
        try loader.remove(generation: 2)
        try loader.remove(generation: 2)
        #expect(throws: BootLoaderError.lastEntry(1)) { try loader.remove(generation: 1) }
        #expect(throws: BootLoaderError.noEntry(2)) { try loader.markGood(generation: 2) }
        #expect(try disk.names(folder(kind)).count == 1)
    }

    @Test("bad files hide no good entry, and others' are never touched", arguments: LoaderKind.allCases)
    func tolerance(_ kind: LoaderKind) throws {
        let loader = try disk.prepared(kind)
        let suffix = kind == .grub ? ".cfg" : ".conf"
        let place = folder(kind)
        try loader.add(try Sample.entry(1))
        let text = try disk.read("\(place)/lean-000001\(suffix)")
        try disk.write("\(place)/lean-000002\(suffix)", "")
        try disk.write("\(place)/lean-000003+3\(suffix)", String(text.prefix(text.count / 3)))
        try disk.write("\(place)/lean-000004\(suffix)", (0...255).map { UInt8($0) })
        try disk.write("\(place)/lean-000005\(suffix)", [UInt8](repeating: 0, count: 4096))
        let foreign = [
            "lean-7\(suffix)", "lean-000008+x\(suffix)", "auto-windows\(suffix)", "0123456789abcdef-6.1.0\(suffix)",
            "README",
        ]
        for name in foreign { try disk.write("\(place)/\(name)", text) }
        let windows = text.split(separator: "\n", omittingEmptySubsequences: false).joined(separator: "\r\n")
        try disk.write(
            "\(place)/lean-000006\(suffix)", windows.replacing("000001", with: "000006").replacing("=1", with: "=6"))

        let listing = try loader.listing()
        #expect(listing.entries.map(\.generation) == [6, 1])
        #expect(listing.entries.first?.arguments == ["root=LABEL=root", "rw"])
        #expect(listing.damaged.map(\.name.generation) == [2, 3, 4, 5])
        #expect(listing.foreign.sorted() == foreign.sorted())
        #expect(listing.nextGeneration == 7)
        for generation in 2...6 { try loader.remove(generation: generation) }
        #expect(Set(try disk.names(place)) == Set(foreign + ["lean-000001\(suffix)"]))
    }

    @Test("an empty twin that has the new name already does not stand for the entry", arguments: LoaderKind.allCases)
    func emptyTwin(_ kind: LoaderKind) throws {
        let loader = try disk.prepared(kind)
        let suffix = kind == .grub ? ".cfg" : ".conf"
        try loader.add(try Sample.entry(1))
        try loader.add(try Sample.entry(2, tries: 3))
        // What a power cut in the middle of marking, and the check of the file system after it, can leave.
        try disk.write("\(folder(kind))/lean-000002\(suffix)", "")
        try loader.markGood(generation: 2)
        #expect(try disk.names(folder(kind)) == ["lean-000001\(suffix)", "lean-000002\(suffix)"])
        #expect(try loader.listing().entries.map(\.generation) == [2, 1])
        #expect(try loader.listing().damaged.isEmpty)
    }

    @Test("a number that is given again does not inherit the count of an entry that was removed by hand")
    func inheritedCount() throws {
        let loader = try disk.prepared(.grub)
        try loader.add(try Sample.entry(1))
        try loader.add(try Sample.entry(2, tries: 3))
        try loader.markBad(generation: 2)
        let lines = "# GRUB Environment Block\nhostctl_counting=2\nhostctl_left=0\nhostctl_done=3\n"
        try disk.write("grub/grubenv", lines + String(repeating: "#", count: 1024 - lines.utf8.count))
        for name in try disk.names(folder(.grub)) where name.hasPrefix("lean-000002") {
            try Files.remove(disk.root.appending(folder(.grub)).appending(name))
        }
        try loader.add(try Sample.entry(2, tries: 3))
        #expect(try loader.listing().entry(2)?.counter?.left == 3)
    }

    @Test("twins of one generation count as one, and marking leaves one", arguments: LoaderKind.allCases)
    func twins(_ kind: LoaderKind) throws {
        let loader = try disk.prepared(kind)
        let suffix = kind == .grub ? ".cfg" : ".conf"
        try loader.add(try Sample.entry(1))
        try loader.add(try Sample.entry(2, tries: 3))
        let text = try disk.read("\(folder(kind))/lean-000002+3\(suffix)")
        try disk.write("\(folder(kind))/lean-000002+0-3\(suffix)", text)
        #expect(try loader.listing().entry(2)?.counter?.left == 3)
        #expect(try loader.listing().duplicates.map(\.name.text) == ["lean-000002+0-3"])
        try loader.markGood(generation: 2)
        #expect(try disk.names(folder(kind)) == ["lean-000001\(suffix)", "lean-000002\(suffix)"])
        try disk.write("\(folder(kind))/lean-000002+1-2\(suffix)", text)
        #expect(try loader.listing().entry(2)?.counter == nil)
        try loader.remove(generation: 2)
        #expect(try disk.names(folder(kind)) == ["lean-000001\(suffix)"])
    }
}
