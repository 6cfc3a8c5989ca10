/// What a disk holds when its power has gone: everything before a flush, and of what was written after it as much
/// as chance would have it.
///
/// A disk may bring what it was given since the last flush to its platters in any order, and may stop within a
/// write, between two of its sectors of 512 bytes. It may not forget what a flush has ended for.
public struct PowerCut: Sendable, Equatable {
    /// How the power goes.
    public enum Manner: String, Sendable, CaseIterable {
        /// Right after the flush.
        case flushed
        /// The disk wrote in the order that it was told.
        case inOrder = "in-order"
        /// Any of the later writes are there.
        case subset
        /// Any of them, in any order: of two to the same place the first one may win.
        case reordered
        /// Any of them, and some of them in part.
        case torn
    }

    /// A part of a write that is on the disk.
    public struct Piece: Sendable, Hashable {
        /// Of the log's entries.
        public var entry: Int
        /// Bytes of the write, from its beginning; whole sectors.
        public var range: Range<Int>
    }

    public var manner: Manner
    /// The first entry that is not on the disk for certain.
    public var start: Int
    /// What else is on the disk, in the order in which it came there.
    public var pieces: [Piece]
}

extension PowerCut: CustomStringConvertible {
    public var description: String {
        "\(manner.rawValue) after entry \(start): \(pieces.count) later pieces"
    }
}

/// Cuts that were drawn, so that none is examined twice.
public struct DrawnCuts {
    private struct Key: Hashable {
        let session: Int
        let start: Int
        let pieces: [PowerCut.Piece]
    }
    private var keys: Set<Key> = []

    public init() {}

    /// Draws until there is a cut that was not drawn before; `nil` when there hardly is one.
    ///
    /// Few writes between two flushes are easily all lost, which is what the flush alone leaves: where there is
    /// something else, that is drawn.
    /// - Parameter session: tells logs apart.
    public mutating func next(of session: Int, _ draw: (_ attempt: Int) -> PowerCut) -> PowerCut? {
        for attempt in 0..<40 {
            let cut = draw(attempt)
            if cut.manner != .flushed, cut.pieces.isEmpty, attempt < 10 { continue }
            if keys.insert(Key(session: session, start: cut.start, pieces: cut.pieces)).inserted { return cut }
        }
        return nil
    }
}

/// Draws power cuts from a log.
public struct PowerCutChoice {
    private let entries: [WriteLog.Entry]
    /// Where the log's flushes end: the entry after each, and the first one.
    public let flushes: [Int]
    private static let sector = 512

    /// - Parameter range: the entries during which the power may go.
    public init(_ log: WriteLog, within range: Range<Int>? = nil) {
        self.init(log.entries, within: range ?? 0..<log.entries.count)
    }

    init(_ entries: [WriteLog.Entry], within range: Range<Int>) {
        self.entries = entries
        flushes =
            [range.lowerBound]
            + range.filter { entries[$0].action == .flush && $0 + 1 < range.upperBound }.map { $0 + 1 }
    }

    /// A cut in the time between a flush and the next one.
    ///
    /// - Parameter start: one of `flushes`.
    public func cut(
        after start: Int, _ manner: PowerCut.Manner, _ generator: inout some RandomNumberGenerator
    ) -> PowerCut {
        let later = entries[start...].prefix { $0.action != .flush }.indices
        var pieces = later.map { PowerCut.Piece(entry: $0, range: 0..<entries[$0].count) }
        switch manner {
        case .flushed: pieces = []
        case .inOrder: pieces = Array(pieces.prefix(Int.random(in: 0...pieces.count, using: &generator)))
        case .subset, .reordered, .torn:
            // Few or many of them: a fair coin for each would hardly ever lose just one of a hundred.
            let share = Double.random(in: 0...1, using: &generator)
            pieces = pieces.filter { _ in Double.random(in: 0..<1, using: &generator) < share }
            if manner == .reordered { pieces.shuffle(using: &generator) }
            if manner == .torn {
                for index in pieces.indices where Bool.random(using: &generator) { tear(&pieces[index], &generator) }
            }
        }
        return PowerCut(manner: manner, start: start, pieces: pieces)
    }

    /// Leaves only the first or the last sectors of a write.
    private func tear(_ piece: inout PowerCut.Piece, _ generator: inout some RandomNumberGenerator) {
        let sectors = piece.range.count / Self.sector
        guard sectors > 1 else { return }
        let middle = Int.random(in: 1..<sectors, using: &generator) * Self.sector
        piece.range = Bool.random(using: &generator) ? 0..<middle : middle..<piece.range.count
    }
}
