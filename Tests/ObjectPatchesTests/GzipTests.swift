import TestSupport
import Testing

@testable import ObjectPatches

@Suite struct GzipTests {
    /// Bytes of each kind and of sizes around what matters: the window, a block, the longest match.
    private static let samples: [(String, [UInt8])] = {
        var data = SampleData(seed: 7)
        return [
            ("empty", []), ("one byte", [65]), ("two bytes", [65, 66]), ("three equal bytes", [65, 65, 65]),
            ("zeros", [UInt8](repeating: 0, count: 300_000)), ("text", data.text(500_000)),
            ("short text", data.text(1000)), ("random", data.random(200_000)), ("code", data.code(400_000)),
            ("a window of random bytes twice", { $0 + $0 }(data.random(32_768))),
            ("farther back than the window", { $0 + $0 }(data.random(33_000))),
            ("long runs", (0..<900).flatMap { [UInt8](repeating: UInt8($0 % 7), count: 300) }),
            ("random, then text, then random", data.random(70_000) + data.text(90_000) + data.random(70_000)),
        ]
    }()

    /// The deflate data that the real program makes.
    private func gzip(_ bytes: [UInt8], level: Int) throws -> [UInt8] {
        let result = try run(["/usr/bin/gzip", "-n", "-c", "-\(level)"], input: bytes)
        try #require(result.status == 0)
        return Array(result.output[10...].dropLast(8))
    }

    private func deflate(_ bytes: [UInt8], level: Int, chunk: Int, threads: Int = 1) throws -> [UInt8] {
        let deflater = GzipDeflater(level: level, threads: threads)
        var output: [UInt8] = []
        try bytes.withUnsafeBytes { bytes in
            for start in stride(from: 0, to: bytes.count, by: chunk) {
                let piece = bytes[start..<min(start + chunk, bytes.count)]
                try deflater.append(UnsafeRawBufferPointer(rebasing: piece)) { output.append(contentsOf: $0) }
            }
        }
        try deflater.finish { output.append(contentsOf: $0) }
        return output
    }

    @Test("what gzip makes at any level is made again, bit for bit", arguments: GzipDeflater.levels)
    func identical(_ level: Int) throws {
        for (name, bytes) in Self.samples {
            let expected = try gzip(bytes, level: level)
            #expect(try deflate(bytes, level: level, chunk: 65_536) == expected, "\(name) at level \(level)")
        }
    }

    @Test("how the bytes arrive does not matter", arguments: [1, 7, 261, 4096, 100_003])
    func chunks(_ size: Int) throws {
        var data = SampleData(seed: 9)
        let bytes = data.text(150_000) + data.code(50_000)
        #expect(try deflate(bytes, level: 6, chunk: size) == deflate(bytes, level: 6, chunk: bytes.count))
    }

    @Test("several threads make what one makes, also of bytes on which they never meet", arguments: [2, 3])
    func threads(_ count: Int) throws {
        var data = SampleData(seed: 10)
        let code = data.code(700_000)
        let bytes = code + data.text(900_000) + [UInt8](repeating: 7, count: 900_000) + data.random(300_000) + code
        let one = try deflate(bytes, level: 6, chunk: 300_000)
        #expect(try deflate(bytes, level: 6, chunk: 300_000, threads: count) == one)
        #expect(try gzip(bytes, level: 6) == one)
    }

    @Test("a gzip file is inflated within its object, and its level is found", arguments: [6, 9])
    func level(_ level: Int) throws {
        var data = SampleData(seed: 11)
        let text = data.text(80_000)
        let file = try run(["/usr/bin/gzip", "-n", "-c", "-\(level)"], input: text).output
        let header = Array("header".utf8)
        let content = try #require(GzipContent(header + file, from: 6, limit: 1 << 20))
        #expect(content.view == header + file[..<10] + text + file.suffix(8))
        let span = try #require(try content.recompressible(header + file))
        #expect(span.encoder == .gzip && Int(span.level) == level)
        #expect(Int(span.start) == 16 && Int(span.inflatedSize) == text.count)
    }

    @Test("what another compressor made is left as it is")
    func foreign() throws {
        var data = SampleData(seed: 13)
        let script = "import sys,gzip;sys.stdout.buffer.write(gzip.compress(sys.stdin.buffer.read(),6))"
        let result = try run(["/usr/bin/python3", "-c", script], input: data.text(300_000))
        try #require(result.status == 0)
        let content = try #require(GzipContent(result.output, from: 0, limit: 1 << 20))
        #expect(try content.recompressible(result.output) == nil)
    }

    @Test("a bomb is not inflated beyond the limit")
    func bomb() throws {
        let bytes = [UInt8](repeating: 0, count: 4 << 20)
        let file = try run(["/usr/bin/gzip", "-n", "-c"], input: bytes).output
        #expect(GzipContent(file, from: 0, limit: 1 << 20) == nil)
    }

    @Test("a damaged or cut gzip file is no gzip file, and ends nothing")
    func damaged() throws {
        var data = SampleData(seed: 17)
        let file = try run(["/usr/bin/gzip", "-n", "-c"], input: data.text(20_000)).output
        for count in stride(from: 0, to: file.count - 8, by: 97) {
            #expect(GzipContent(Array(file[..<count]), from: 0, limit: 1 << 20) == nil)
        }
        for _ in 0..<300 {
            var broken = file
            broken[data.below(broken.count)] ^= UInt8(1 << data.below(8))
            _ = GzipContent(broken, from: 0, limit: 1 << 20)
        }
    }
}
