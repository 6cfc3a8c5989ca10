import Glibc
import LinuxSystem
import ObjectStorage
import SystemPackage
import TestSupport
import Testing

@testable import HostImages

@Suite("ELF files") struct ELFFileTests {
    private let sample = SampleProgram(
        interpreter: "/lib64/ld-linux-x86-64.so.2", needed: ["libc.so.6", "libz.so.1"],
        runPath: "$ORIGIN/../lib:/usr/x",
        note: #"[{"feature":"kmod","priority":"required","soname":["libkmod.so.2","libkmod.so.1"]}]"#, kind: 2)

    @Test("loader, libraries, search path and the libraries that are loaded later are read")
    func whole() throws {
        let file = try #require(try ELFFile.read(.bytes(sample.bytes)))
        #expect(file.interpreter == "/lib64/ld-linux-x86-64.so.2")
        #expect(file.needed == ["libc.so.6", "libz.so.1"])
        #expect(file.searchPath == ["$ORIGIN/../lib", "/usr/x"])
        #expect(file.loadedLater == [["libkmod.so.2", "libkmod.so.1"]])
    }

    @Test("a file on disk is read as one in memory is")
    func onDisk() throws {
        let folder = try TemporaryFolder()
        let path = folder.path.appending("program")
        try Files.create(path, bytes: sample.bytes, mode: 0o755)
        let content = TreeFile.Content.onDisk(path, size: Int64(sample.bytes.count))
        #expect(try ELFFile.read(content) == ELFFile.read(.bytes(sample.bytes)))
    }

    @Test("this test's own program needs libc, as its loader knows")
    func realProgram() throws {
        let path = FilePath("/proc/self/exe")
        let target = try #require(Files.linkTarget(path))
        var status = stat()
        try retrying("examine", target) { stat(target, &status) }
        let file = try #require(try ELFFile.read(.onDisk(FilePath(target), size: Int64(status.st_size))))
        #expect(file.needed.contains("libc.so.6"))
        #expect(file.interpreter?.contains("ld-linux") == true)
    }

    @Test("what a program would merely like to load is not asked for", arguments: ["recommended", "suggested"])
    func wishes(priority: String) throws {
        let note = #"[{"priority":"\#(priority)","soname":["libx.so.1"]}]"#
        #expect(try ELFFile.read(.bytes(SampleProgram(note: note).bytes))?.loadedLater == [])
    }

    @Test("object files and other files are none of its business", arguments: ["", "#!/bin/sh", "\u{7F}EL"])
    func others(text: String) throws {
        #expect(try ELFFile.read(.bytes(Array(text.utf8))) == nil)
        var object = sample
        object.kind = 1
        #expect(try ELFFile.read(.bytes(object.bytes)) == nil)
    }

    @Test("a file that is cut off anywhere is an error or reads well, and never crashes")
    func truncated() {
        let bytes = sample.bytes
        for length in 4..<bytes.count { expectCalm(Array(bytes[..<length])) }
        #expect(throws: ELFError.self) { try ELFFile.read(.bytes(Array(bytes[..<64]))) }
    }

    @Test("damaged bytes are an error or read well, and never crash")
    func damaged() {
        var generator = Numbers(state: 7)
        for _ in 0..<20_000 {
            var bytes = sample.bytes
            for _ in 0..<Int.random(in: 1...6, using: &generator) {
                let index = Int.random(in: 4..<bytes.count, using: &generator)
                bytes[index] =
                    [0, 0xFF, 0x7F, 0x80, UInt8.random(in: 0...255, using: &generator)]
                    .randomElement(using: &generator) ?? 0
            }
            expectCalm(bytes)
        }
    }

    @Test("a program for another kind of machine is refused", arguments: [(4, UInt8(1)), (5, UInt8(2))])
    func foreign(index: Int, value: UInt8) {
        var bytes = sample.bytes
        bytes[index] = value
        if index == 5 { bytes.swapAt(16, 17) }
        #expect(throws: ELFError(detail: "it is not for this kind of machine")) {
            try ELFFile.read(.bytes(bytes))
        }
    }

    @Test("an object file for another kind of machine, as GRUB's modules for BIOS are, needs nothing")
    func foreignObject() throws {
        var bytes = sample.bytes
        (bytes[4], bytes[16]) = (1, 1)
        #expect(try ELFFile.read(.bytes(bytes)) == nil)
    }

    private func expectCalm(_ bytes: [UInt8]) {
        do { _ = try ELFFile.read(.bytes(bytes)) } catch {
            if !(error is ELFError) { Issue.record("\(error)") }
        }
    }
}

/// Always the same numbers, so that a failure can be seen again.
private struct Numbers: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return state
    }
}
