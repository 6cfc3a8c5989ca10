/// Asking one address after another for the same file.
extension Connection {
    /// Runs `body` with the addresses of a file until one has it.
    ///
    /// One attempt each, so that a dead address costs little; the last that is not left out gets all attempts.
    /// - Parameters:
    ///   - isRange: whether a part of the file is asked for, which not every server can send.
    ///   - body: fetches from an address with so many attempts.
    /// - Throws: what the origin itself said, when nobody has the file; at once what is no server's fault.
    func failingOver<Result>(
        _ url: String, isRange: Bool = false, _ body: (_ address: String, _ attempts: Int) throws -> Result
    ) throws -> Result {
        guard let mirrors = options.mirrors else { return try body(url, options.attempts) }
        let all = mirrors.sources(of: url)
        let sources = isRange ? all.filter { !$0.lacksRanges } : all
        let patient = sources.lastIndex { !$0.isLeftOut } ?? sources.count - 1
        var failure =
            all.contains { mirrors.isOrigin($0) && isRange && $0.lacksRanges } ? TransferError.noRanges(url: url) : nil
        for (place, source) in sources.enumerated() {
            last = source
            do {
                let result = try body(source.url, place == patient ? options.attempts : 1)
                mirrors.served(source)
                return result
            } catch let error as TransferError where error.isServersFault {
                if case .noRanges = error { mirrors.noteNoRanges(source) } else { mirrors.failed(source, error) }
                if failure == nil || mirrors.isOrigin(source) { failure = error }
            }
        }
        if let failure { throw failure }
        return try body(url, options.attempts)
    }

    /// What the last answer held is not what it should be: its address is left out from now on.
    ///
    /// - Returns: whether there is another one to be asked.
    public func askElsewhere() -> Bool {
        guard let mirrors = options.mirrors, let source = last else { return false }
        mirrors.leaveOut(source, "it sent something else than it should")
        return mirrors.hasOthers
    }

    /// Fetches a small file that `accepting` judges; one that is not accepted is asked for elsewhere.
    ///
    /// - Throws: `TransferError`, and what `accepting` throws.
    public func bytes<Result>(
        of url: String, limit: Int, accepting: ([UInt8]) throws -> Result
    ) throws -> Result {
        while true {
            let bytes = try bytes(of: url, limit: limit)
            do { return try accepting(bytes) } catch {
                guard askElsewhere() else { throw error }
            }
        }
    }

    /// Fetches a small file from every address and gives the newest that is accepted, so that a mirror that lags
    /// behind hides nothing. Those that lag are left out from now on.
    ///
    /// - Throws: what the origin itself said, or sent, when there is none.
    public func newest<Result>(
        of url: String, limit: Int, accepting: ([UInt8]) throws -> Result, isOlder: (Result, Result) -> Bool
    ) throws -> Result {
        guard let mirrors = options.mirrors else { return try bytes(of: url, limit: limit, accepting: accepting) }
        let sources = mirrors.sources(of: url)
        var found: [(source: Mirrors.Source, value: Result)] = []
        var failure: (any Error)?
        for source in sources {
            let isLastHope = found.isEmpty && source == sources.last
            do {
                let bytes = try bytes(of: source.url, limit: limit, attempts: isLastHope ? options.attempts : 1)
                found.append((source, try accepting(bytes)))
            } catch {
                if let error = error as? TransferError {
                    guard error.isServersFault else { throw error }
                    mirrors.failed(source, error)
                } else {
                    mirrors.leaveOut(source, "it sent something else than it should")
                }
                if failure == nil || mirrors.isOrigin(source) { failure = error }
            }
        }
        guard let best = found.max(by: { isOlder($0.value, $1.value) }) else {
            if let failure { throw failure }
            return try bytes(of: url, limit: limit, accepting: accepting)
        }
        for lagging in found where isOlder(lagging.value, best.value) {
            mirrors.leaveOut(lagging.source, "it is behind the others")
        }
        return best.value
    }
}

extension TransferError {
    /// Whether another server may do better.
    var isServersFault: Bool {
        switch self {
        case .unreachable, .refused, .unreadable, .tooLarge, .truncated, .noRanges, .wrongRange, .redirected,
            .proxyRefused:
            true
        case .unusable, .passwordInAddress, .exposedSecret, .malformedCredentials, .cancelled: false
        }
    }
}
