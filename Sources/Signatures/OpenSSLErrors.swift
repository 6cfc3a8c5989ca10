import COpenSSL
import Glibc

/// libcrypto's queue of errors, one for each thread.
enum OpenSSLErrors {
    /// Forgets what earlier calls left behind, so that `drain` tells about the next call only.
    static func clear() { ERR_clear_error() }

    /// Everything that went wrong since `clear`, oldest first, in words; the queue is empty afterwards.
    static func drain() -> String {
        var reasons: [String] = []
        while true {
            let code = ERR_get_error()
            if code == 0 { break }
            reasons.append(text(of: code))
        }
        return reasons.isEmpty ? "no reason given" : reasons.joined(separator: "; ")
    }

    private static func text(of code: UInt) -> String {
        if let reason = ERR_reason_error_string(code) { return String(cString: reason) }
        var buffer = [CChar](repeating: 0, count: 256)
        ERR_error_string_n(code, &buffer, buffer.count)
        return buffer.withUnsafeBufferPointer { $0.baseAddress.map { String(cString: $0) } ?? "" }
    }

    /// Runs a call that answers with a pointer.
    ///
    /// - Throws: what `failure` makes of the reasons when the answer is NULL.
    static func pointer(
        orThrow failure: (String) -> SignatureError = SignatureError.cryptographyFailed, _ call: () -> OpaquePointer?
    ) throws(SignatureError) -> OpaquePointer {
        clear()
        guard let result = call() else { throw failure(drain()) }
        return result
    }

    /// Runs a call that answers 1 for success and anything else, negative numbers included, for failure.
    ///
    /// - Throws: what `failure` makes of the reasons when the answer is not 1.
    static func one(
        orThrow failure: (String) -> SignatureError = SignatureError.cryptographyFailed, _ call: () -> Int32
    ) throws(SignatureError) {
        clear()
        guard call() == 1 else { throw failure(drain()) }
    }
}
