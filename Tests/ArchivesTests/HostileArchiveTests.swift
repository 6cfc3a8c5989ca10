import Archives
import LinuxSystem
import SystemPackage
import TestSupport
import Testing

@Suite("hostile and damaged archives") struct HostileArchiveTests {
    private func expect(
        _ bytes: [UInt8], limits: ArchiveLimits = ArchiveLimits(), _ isExpected: (ArchiveError) -> Bool,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let error = #expect(throws: ArchiveError.self, sourceLocation: sourceLocation) {
            try contents(bytes, limits: limits)
        }
        if let error { #expect(isExpected(error), "\(error)", sourceLocation: sourceLocation) }
    }

    private func isMalformed(_ error: ArchiveError) -> Bool { if case .malformed = error { true } else { false } }
    private func isTruncated(_ error: ArchiveError) -> Bool { if case .truncated = error { true } else { false } }
    private func isUnsupported(_ error: ArchiveError) -> Bool { if case .unsupported = error { true } else { false } }
    private func isTooLarge(_ error: ArchiveError) -> Bool { if case .limitExceeded = error { true } else { false } }

    @Test("an archive that is cut off anywhere is never taken for a complete one")
    func cut() throws {
        let long = String(repeating: "n", count: 150)
        let bytes = try written([file("a", "1"), file(long, String(repeating: "x", count: 700)), file("empty", "")])
        let marker = try #require(bytes.indices.last { bytes[$0] != 0 }) / 512 * 512 + 512
        for end in stride(from: 0, through: marker, by: 256) {
            expect(Array(bytes[..<end]), isTruncated)
        }
        #expect(try contents(bytes[..<(marker + 512)]).count == 3)
    }

    @Test("a source that fails is an error, not the end of the archive")
    func readError() throws {
        final class Failing: ByteSource {
            struct Broken: Error {}
            let name = "broken"
            let good: MemorySource
            init(_ bytes: [UInt8]) { good = MemorySource(bytes) }
            func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
                let count = good.read(into: buffer)
                if count == 0 { throw Broken() }
                return count
            }
        }
        let bytes = try written([file("a", "1")])
        #expect(throws: Failing.Broken.self) { try contents(Failing(Array(bytes[..<1024]))) }
        #expect(throws: Failing.Broken.self) { try contents(DecompressedSource(Failing([0x1F, 0x8B, 8, 0, 0, 0, 0]))) }
    }

    @Test("a hard link with content does not write through the link (CVE-2016-5418)")
    func hardLinkWithContent() {
        let bytes = RawTar.make {
            $0.entry("etc/passwd", "0", "root")
            $0.entry("link", "1", "evil", link: "etc/passwd")
        }
        expect(bytes, isMalformed)
    }

    @Test("symbolic links and folders have no content", arguments: ["2", "5", "3"])
    func content(type: String) {
        expect(RawTar.make { $0.entry("x", Character(type), "data", link: "y") }, isMalformed)
    }

    @Test("a header that was changed is seen by its checksum")
    func checksum() {
        var bytes = RawTar.make { $0.entry("a", "0", "1") }
        bytes[0] = UInt8(ascii: "b")
        expect(bytes, isMalformed)
    }

    @Test(
        "numbers that are none, or negative, or larger than 63 bits, are refused",
        arguments: ["9", "-1", "0x10", "\u{80}"])
    func numbers(size: String) {
        let bytes = RawTar.make { tar in
            tar.header("a", "0") { block in
                for index in 124..<136 { block[index] = 0 }
                // One byte each: the last one is a binary number without end.
                for (index, scalar) in size.unicodeScalars.enumerated() { block[124 + index] = UInt8(scalar.value) }
                if size == "\u{80}" { for index in 125..<136 { block[index] = 0xFF } }
            }
        }
        expect(bytes, isMalformed)
    }

    @Test("a size over 4 GiB is not cut to 32 bits, and nothing is allocated for it (CVE-2026-34155)")
    func largeSize() throws {
        let binary = RawTar.make { tar in
            tar.header("a", "0") { block in
                for index in 124..<136 { block[index] = 0 }
                (block[124], block[131]) = (0x80, 5)
            }
        }
        let records = RawTar.make {
            $0.entry("PaxHeaders/a", "x", "20 size=21474836480\n")
            $0.header("a", "0")
        }
        for (bytes, size) in [(binary, Int64(5) << 32), (records, Int64(5) << 32)] {
            let reader = TarReader(MemorySource(bytes))
            #expect(try reader.next()?.kind == .file(size: size))
            #expect(throws: ArchiveError.self) { try reader.next() }
            expect(bytes, limits: ArchiveLimits(), isTooLarge)
        }
    }

    @Test("what follows 4 GiB of content is found where it is")
    func behindLargeContent() throws {
        /// A file of zeros, and what follows it.
        final class Zeros: ByteSource {
            let name = "zeros"
            var parts: [(prefix: [UInt8], zeros: UInt64)]
            init(_ parts: [([UInt8], UInt64)]) { self.parts = parts }
            func read(into buffer: UnsafeMutableRawBufferPointer) -> Int {
                guard let part = parts.first else { return 0 }
                if !part.prefix.isEmpty {
                    buffer.copyBytes(from: part.prefix)
                    parts[0].prefix = []
                    return part.prefix.count
                }
                let count = Int(min(part.zeros, UInt64(buffer.count)))
                if count > 0 { buffer[..<count].initializeMemory(as: UInt8.self, repeating: 0) }
                parts[0].zeros -= UInt64(count)
                if parts[0].zeros == 0 { parts.removeFirst() }
                return count > 0 ? count : read(into: buffer)
            }
        }
        let size = UInt64(4) << 30 + 1000
        var first = RawTar()
        first.header("large", "0", size: String(size, radix: 8))
        let second = RawTar.make { $0.entry("second", "0", "2") }
        let reader = TarReader(Zeros([(first.bytes, size + 24), (second, 0)]))
        #expect(try reader.next()?.kind == .file(size: Int64(size)))
        var count: UInt64 = 0
        try reader.readContent { count += UInt64($0.count) }
        #expect(count == size)
        #expect(try reader.next()?.path == Array("second".utf8))
        #expect(try reader.next() == nil)
    }

    @Test("sparse files are refused by name instead of being read as something else", arguments: ["S", "x"])
    func sparse(type: String) {
        let bytes = RawTar.make {
            if type == "x" { $0.entry("PaxHeaders/a", "x", "22 GNU.sparse.major=1\n") }
            $0.entry("a", type == "S" ? "S" : "0", "map")
        }
        expect(bytes, isUnsupported)
    }

    @Test("entries of an unknown kind are refused", arguments: ["M", "D", "Z", "A"])
    func kinds(type: String) { expect(RawTar.make { $0.entry("a", Character(type), "x") }, isUnsupported) }

    @Test("two long names for one entry, which readers disagree about, are refused")
    func twoNames() {
        expect(
            RawTar.make {
                $0.entry("L", "L", "first")
                $0.entry("L", "L", "second")
                $0.entry("a", "0", "x")
            }, isMalformed)
        expect(
            RawTar.make {
                $0.entry("L", "L", "first")
                $0.entry("P", "x", "14 path=second\n")
                $0.entry("a", "0", "x")
            }, isMalformed)
    }

    @Test(
        "extension headers that do not follow their format are refused",
        arguments: [
            "12 comment=x", "99 comment=x\n", "0 a=b\n", "6 a=b\n\n", "x a=b\n", "5 =b\n", "6 abc\n",
            "18446744073709551616 a=b\n", "-6 a=b\n",
        ])
    func records(text: String) {
        expect(
            RawTar.make {
                $0.entry("P", "x", text)
                $0.entry("a", "0", "x")
            }, isMalformed)
    }

    @Test("a NUL in a name of an extension header does not end it for one reader only")
    func nulInName() {
        expect(
            RawTar.make {
                $0.entry("P", "x", "17 path=safe\u{0}evil\n")
                $0.entry("a", "0", "x")
            }, isMalformed)
    }

    @Test("access lists, which would be lost, are refused; those that say what the mode says are not")
    func accessLists() throws {
        func archive(_ list: String) -> [UInt8] {
            let pair = " SCHILY.acl.access=\(list)\n"
            return RawTar.make {
                $0.entry("P", "x", "\(pair.utf8.count + 2)\(pair)")
                $0.entry("a", "0", "x")
            }
        }
        expect(archive("user::rw-,user:app:rw-,group::r--,mask::rw-,other::r--"), isUnsupported)
        #expect(try contents(archive("user::rw-,group::r--,other::r--")).count == 1)
    }

    // MARK: limits

    @Test("entries, headers, names and attributes are counted")
    func counts() {
        let many = RawTar.make { for index in 0..<11 { $0.entry("file\(index)", "0", "") } }
        expect(many, limits: ArchiveLimits(entries: 10), isTooLarge)
        let longName = RawTar.make {
            $0.entry("L", "L", String(repeating: "d/", count: 3000))
            $0.entry("a", "0", "")
        }
        expect(longName, isTooLarge)
        expect(longName, limits: ArchiveLimits(extensionHeader: 1000), isTooLarge)
        expect(many, limits: ArchiveLimits(metadata: 50), isTooLarge)
    }

    private func record(_ key: String, _ value: String) -> String {
        let rest = " \(key)=\(value)\n"
        let digits = String(rest.utf8.count + 2).count
        let length = rest.utf8.count + digits
        return "\(length)\(rest)"
    }

    @Test("many tiny attributes count as what they take in memory, not as their bytes")
    func tinyAttributes() throws {
        let records = (100..<600).map { record("SCHILY.xattr.user.\($0)", "") }.joined()
        let bytes = RawTar.make { tar in
            for index in 0..<3 {
                tar.entry("P", "x", records)
                tar.entry("file\(index)", "0", "")
            }
        }
        #expect(try contents(bytes).map(\.entry.attributes.count) == [500, 500, 500])
        expect(bytes, limits: ArchiveLimits(metadata: 200_000), isTooLarge)
    }

    @Test("no entry has more bytes of attributes than the kernel takes")
    func attributeBytes() {
        let long = String(repeating: "n", count: 200)
        let names = (100..<500).map { record("SCHILY.xattr.user.\(long)\($0)", "") }.joined()
        let values = record("SCHILY.xattr.user.a", String(repeating: "v", count: 70_000))
        for records in [names, values] {
            expect(
                RawTar.make {
                    $0.entry("P", "x", records)
                    $0.entry("a", "0", "")
                }, isTooLarge)
        }
    }

    @Test("global headers do not add up without end, nor do extension headers that leave nothing behind")
    func globalHeaders() {
        let global = RawTar.make { tar in
            for index in 100..<200 { tar.entry("G", "g", record("key\(index)", "x")) }
            tar.entry("a", "0", "")
        }
        expect(global, isTooLarge)
        let passing = RawTar.make { tar in
            for index in 0..<20 {
                tar.entry("P", "x", record("comment", String(repeating: "c", count: 1000)))
                tar.entry("file\(index)", "0", "")
            }
        }
        expect(passing, limits: ArchiveLimits(metadata: 10_000), isTooLarge)
    }

    @Test("an extension header that claims gigabytes is refused before anything is read for it")
    func largeHeader() {
        expect(RawTar.make { $0.header("P", "x", size: "77777777777") }, isTooLarge)
    }

    @Test("a decompression bomb ends at the declared limit", arguments: Compression.allCases.filter { $0 != .none })
    func bomb(compression: Compression) throws {
        let folder = try TemporaryFolder()
        var tar = RawTar()
        tar.header("zeros", "0", size: String(64 << 20, radix: 8))
        tar.bytes(appending: 64 << 20)
        let packed = try compressed(tar.bytes, compression, folder)
        #expect(packed.count < 100_000)
        let error = #expect(throws: ArchiveError.self) {
            try contents(DecompressedSource(MemorySource(packed)), limits: ArchiveLimits(bytes: 1 << 20))
        }
        if let error { #expect(isTooLarge(error), "\(error)") }
    }

    @Test(
        "compressed data that is cut off ends with an error and never loops (CVE-2026-2219)",
        arguments: Compression.allCases.filter { $0 != .none })
    func cutCompressed(compression: Compression) throws {
        let folder = try TemporaryFolder()
        let text = (0..<4000).map { "\($0 &* 2_654_435_761)" }.joined()
        let packed = try compressed(written([file("a", text), file("b", text)]), compression, folder)
        // What follows an archive's end marker is padding; the last bytes of the compressed data still count.
        let ends = stride(from: 6, to: packed.count - 1, by: max(1, packed.count / 60)) + [packed.count - 1]
        for end in ends {
            #expect(throws: ArchiveError.self, "\(end) of \(packed.count)") {
                let count = try bounded { try contents(DecompressedSource(MemorySource(packed[..<end]))).count }
                #expect(count != nil, "\(end) of \(packed.count) does not end")
            }
        }
        #expect(try contents(DecompressedSource(MemorySource(packed))).count == 2)
    }

    @Test("compressed data that was changed is an error", arguments: [Compression.gzip, .xz, .zstd])
    func damagedCompressed(compression: Compression) throws {
        let folder = try TemporaryFolder()
        let text = (0..<4000).map { "\($0 &* 2_654_435_761)" }.joined()
        var packed = try compressed(written([file("a", text)]), compression, folder)
        packed[packed.count / 2] ^= 0xFF
        #expect(throws: ArchiveError.self) { try contents(DecompressedSource(MemorySource(packed))) }
    }

    @Test("only one layer of compression is taken off")
    func twice() throws {
        let folder = try TemporaryFolder()
        let packed = try compressed(compressed(written([file("a", "1")]), .gzip, folder), .gzip, folder)
        #expect(throws: ArchiveError.self) { try contents(DecompressedSource(MemorySource(packed))) }
    }
}

extension RawTar {
    mutating func bytes(appending zeros: Int) { content([UInt8](repeating: 0, count: zeros)) }
}

/// What the stock programs make of the bytes, with a checksum inside.
func compressed(_ bytes: [UInt8], _ compression: Compression, _ folder: TemporaryFolder) throws -> [UInt8] {
    let path = try folder.write("plain", bytes)
    let program = compression == .zstd ? ["/usr/bin/zstd", "--check"] : ["/usr/bin/\(compression.rawValue)"]
    let result = try run(program + ["-c", path.string])
    try #require(result.status == 0, "\(result.errorText)")
    return result.output
}
