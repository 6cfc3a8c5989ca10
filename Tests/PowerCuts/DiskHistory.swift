import Glibc
import LinuxSystem
public import SystemPackage
import TestSupport

/// Makes a disk as it was at any time of a log of its writes.
///
/// Times are asked for in their order, so that every write is applied once to the disk that everything is certain of.
public final class DiskHistory {
    private let log: WriteLog
    private let disk: FilePath
    private let data: Descriptor
    /// Entries that `disk` has.
    private var position = 0
    private var buffer = [UInt8](repeating: 0, count: 1 << 18)

    /// - Parameters:
    ///   - log: what was written.
    ///   - disk: a file with what was on the disk before; it is changed.
    /// - Throws: `SystemError`.
    public init(_ log: WriteLog, on disk: FilePath) throws {
        self.log = log
        self.disk = disk
        data = try Descriptor(opening: log.path.string)
    }

    /// Makes `target` a disk whose power went so.
    ///
    /// - Parameter cut: not before any that was asked for earlier.
    /// - Throws: `SystemError`.
    public func make(_ cut: PowerCut, at target: FilePath) throws {
        precondition(cut.start >= position, "the history runs forward")
        if cut.start > position {
            let file = try Descriptor(opening: disk.string, flags: O_RDWR)
            for index in position..<cut.start {
                try apply(PowerCut.Piece(entry: index, range: 0..<log.entries[index].count), to: file)
            }
            position = cut.start
        }
        let copying = try run(["/bin/cp", "--sparse=always", disk.string, target.string], timeout: 300)
        guard copying.status == 0 else { throw WriteLog.Malformed(detail: copying.errorText) }
        let file = try Descriptor(opening: target.string, flags: O_RDWR)
        for piece in cut.pieces { try apply(piece, to: file) }
    }

    private func apply(_ piece: PowerCut.Piece, to file: borrowing Descriptor) throws {
        let entry = log.entries[piece.entry]
        var done = piece.range.lowerBound
        while entry.action != .flush, done < piece.range.upperBound {
            let count = min(buffer.count, piece.range.upperBound - done)
            try fill(from: entry, at: done, count)
            let start = off_t(entry.offset + done)
            done += try retrying("write", file.path) { pwrite(file.raw, &buffer, count, start) }
        }
    }

    /// Nothing but zeros comes after a discard.
    private func fill(from entry: WriteLog.Entry, at offset: Int, _ count: Int) throws {
        guard case .write(let start) = entry.action else {
            for index in 0..<count { buffer[index] = 0 }
            return
        }
        let got = try retrying("read", data.path) { pread(data.raw, &buffer, count, off_t(start + offset)) }
        guard got == count else { throw WriteLog.Malformed(detail: "\(data.path) ends within an entry") }
    }
}
