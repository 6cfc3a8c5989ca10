import COpenSSL

/// The libcrypto that was loaded.
public enum CryptographyLibrary {
    /// As it names itself: `OpenSSL 3.0.17 1 Jul 2025`.
    public static var version: String { OpenSSL_version(OPENSSL_VERSION).map { String(cString: $0) } ?? "unknown" }
}
