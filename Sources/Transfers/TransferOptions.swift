/// How patient a connection is.
public struct TransferOptions: Sendable {
    /// Sent as `User-Agent`.
    public var userAgent: String
    /// Seconds until a connection must stand.
    public var connectSeconds = 15
    /// Seconds below `slowestRate` after which a server counts as dead. A total limit would punish slow lines.
    public var stallSeconds = 30
    /// Bytes per second that are too few: a server that sends a byte now and then would hold an upgrade forever.
    /// Eight connections at this rate are still less than the slowest modem.
    public var slowestRate = 100
    /// How often a request is made before it fails. Five with the pauses below outlast a server's restart.
    public var attempts = 5
    /// Seconds before the second attempt; doubled with each one, and shortened at random by up to half, so that
    /// a thousand hosts do not come back in the same moment.
    public var firstPause = 0.5
    /// Redirects in a row; CDNs need one or two.
    public var redirects = 5

    /// Proxy, passwords, certificates.
    public var network = NetworkOptions()
    /// Other addresses of the same files; shared by all connections of a command.
    public var mirrors: Mirrors?

    public init(userAgent: String = "hostctl") { self.userAgent = userAgent }

    func pause(beforeAttempt attempt: Int) -> Double {
        min(firstPause * Double(1 << min(attempt - 1, 5)), 15) * Double.random(in: 0.5...1)
    }
}

/// Where a response's body goes.
public protocol TransferSink: AnyObject {
    /// Forgets what came in an attempt that failed. Called before each attempt that starts at the beginning.
    ///
    /// - Throws: anything; the transfer then ends with it.
    func restart() throws
    /// Takes in bytes.
    ///
    /// - Throws: anything; the transfer then ends with it and is not tried again.
    func receive(_ bytes: UnsafeRawBufferPointer) throws
    /// How many bytes are kept from an attempt that failed, so that the next one asks for the rest alone.
    var resumeOffset: Int64 { get }
}

extension TransferSink {
    /// Starts over.
    public var resumeOffset: Int64 { 0 }
}
