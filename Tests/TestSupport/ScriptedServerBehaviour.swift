/// What a `ScriptedServer` does when it is asked for a path.
public enum ServerBehaviour: Sendable {
    /// Answers with this status and a short text.
    case status(Int)
    /// Announces the whole body, sends only so many bytes of it and closes the connection.
    case truncated(at: Int)
    /// Sends a body of zeros that never ends, or ends with the server's own limit; its length is not announced.
    case endless
    /// Sends header lines that never end, or end with the server's own limit.
    case endlessHeader
    /// Redirects to the same path, with a body that never ends.
    case endlessRedirect
    /// Sends so many bytes of the body and then nothing, with the connection open.
    case stalled(after: Int)
    /// Sends a byte of the body at a time, with this pause in seconds.
    case dripping(pause: Double)
    /// Closes the connection instead of an answer.
    case closed
    /// Redirects to an address, or to a path that starts with `/`.
    ///
    /// - Parameter page: the size of the page that comes with it.
    case redirected(to: String, page: Int = 0)
    /// Sends the body without its length, which the end of the connection ends.
    case withoutLength
    /// Announces a length that is not the body's.
    case announced(Int)
    /// Behaves so for this many requests, then serves.
    indirect case times(Int, ServerBehaviour)
    /// Inverts the lowest bit of one byte of the body.
    case flipped(at: Int)
    /// Sends this instead of the file.
    case content([UInt8])
    /// Sends the whole body whatever range is asked for.
    case ignoringRange
    /// Answers a request for a range wrongly, and serves what is asked for whole.
    case range(RangeFault)
    /// Runs something and then serves; for what changes while a client reads.
    case after(@Sendable () -> Void)

    /// How a range can be wrong.
    public enum RangeFault: Sendable {
        /// The bytes are so many further on, and the answer says so.
        case shifted(Int)
        /// The bytes are so many further on, and the answer says they are the right ones.
        case lying(Int)
        /// The answer does not say which bytes they are.
        case untold
        /// The answer says that the file has another size.
        case ofOtherSize
        /// So many bytes less come, or with a negative number more, and the answer's length says so.
        case shortened(Int)
        /// So many bytes come, and then the connection ends.
        case cut(after: Int)
        /// So many bytes come, and then nothing.
        case stalled(after: Int)
        /// The answer says that it is compressed.
        case encoded
        /// Several parts in one answer, as for several ranges.
        case multipart
    }

    /// What is left of it for the next request, once this one has been dealt with.
    var next: ServerBehaviour? {
        switch self {
        case .times(let count, let behaviour): count > 1 ? .times(count - 1, behaviour) : nil
        case .after: nil
        default: self
        }
    }

    /// What it means for this request.
    var now: ServerBehaviour {
        if case .times(_, let behaviour) = self { behaviour } else { self }
    }
}
