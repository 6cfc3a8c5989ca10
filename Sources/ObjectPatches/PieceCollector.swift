/// Turns regions into operations, and these into pieces that each fit into a part.
struct PieceCollector {
    private(set) var pieces: [PatchPiece] = []
    private var current = PatchPiece()
    private let target: UnsafeBufferPointer<UInt8>
    private let source: UnsafeBufferPointer<UInt8>
    /// From here on equal bytes within a region are copied: shorter copies cost more than the zeros they save.
    private static let copyLength = 32
    /// What a piece may take: an operation that is added may be this long at most, too.
    static let pieceSize = PatchLimits.decodedPartBytes - (64 << 10)
    private static let operationSize = 1 << 20

    init(target: UnsafeBufferPointer<UInt8>, source: UnsafeBufferPointer<UInt8>) {
        self.target = target
        self.source = source
    }

    mutating func add(_ region: MatchedRegion) {
        addRegion(region.target, region.source)
        insert(region.insert)
    }

    /// The pieces that make the whole target; one even when it is empty.
    mutating func finish() -> [PatchPiece] {
        if !current.isEmpty || pieces.isEmpty { pieces.append(current) }
        current = PatchPiece()
        return pieces
    }

    mutating func insert(_ range: Range<Int>) {
        var rest = range
        while !rest.isEmpty {
            let next = rest.prefix(Self.operationSize)
            makeRoom(next.count)
            current.insert(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(target)[next]))
            rest = next.endIndex..<rest.upperBound
        }
    }

    private mutating func addRegion(_ range: Range<Int>, _ sourceStart: Int) {
        guard let target = target.baseAddress, let source = source.baseAddress else { return }
        let shift = sourceStart - range.lowerBound
        var pending = range.lowerBound
        var place = range.lowerBound
        while place < range.upperBound {
            let run = commonLength(target + place, source + place + shift, range.upperBound - place)
            if run >= Self.copyLength || run > 0 && place == pending && place + run == range.upperBound {
                addDifference(pending..<place, shift)
                copy(place, run, shift)
                pending = place + run
            }
            place += run + 1
        }
        addDifference(pending..<range.upperBound, shift)
    }

    private mutating func copy(_ place: Int, _ length: Int, _ shift: Int) {
        makeRoom(0)
        current.copy(offset: Int64(place + shift), length: length)
    }

    private mutating func addDifference(_ range: Range<Int>, _ shift: Int) {
        var rest = range
        while !rest.isEmpty {
            let next = rest.prefix(Self.operationSize)
            makeRoom(next.count)
            let difference = next.map { target[$0] &- source[$0 + shift] }
            difference.withUnsafeBytes { current.add(offset: Int64(next.lowerBound + shift), difference: $0) }
            rest = next.endIndex..<rest.upperBound
        }
    }

    private mutating func makeRoom(_ count: Int) {
        guard current.size + count + 32 > Self.pieceSize else { return }
        pieces.append(current)
        current = PatchPiece()
    }
}
