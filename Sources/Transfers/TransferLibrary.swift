import CCurl

/// The libcurl that was loaded.
public enum TransferLibrary {
    /// As it names itself, its TLS library included: `libcurl/7.88.1 OpenSSL/3.0.17 …`.
    public static var version: String {
        curl_version().map { text in String(cString: text).split(separator: " ").prefix(2).joined(separator: " ") }
            ?? "unknown"
    }
}
