import COSTree

/// Where a GLib call puts its error.
typealias GErrorSlot = UnsafeMutablePointer<UnsafeMutablePointer<GError>?>

/// Calls a GLib function that answers `FALSE` on failure.
///
/// - Throws: `OSTreeError`, a copy of the GError, which is freed.
func withGError(_ operation: @autoclosure () -> String, _ body: (GErrorSlot) -> gboolean) throws(OSTreeError) {
    var error: UnsafeMutablePointer<GError>?
    if body(&error) == 0 { throw take(error, operation()) }
}

/// Calls a GLib function that answers `NULL` on failure.
///
/// - Throws: `OSTreeError`, a copy of the GError, which is freed.
func withGError<Pointer>(
    _ operation: @autoclosure () -> String, _ body: (GErrorSlot) -> Pointer?
) throws(OSTreeError) -> Pointer {
    var error: UnsafeMutablePointer<GError>?
    guard let pointer = body(&error) else { throw take(error, operation()) }
    return pointer
}

private func take(_ error: UnsafeMutablePointer<GError>?, _ operation: String) -> OSTreeError {
    guard let error else {
        return OSTreeError(operation: operation, domain: "", code: 0, message: "libostree gave no reason")
    }
    defer { g_error_free(error) }
    return OSTreeError(
        operation: operation,
        domain: g_quark_to_string(error.pointee.domain).map { String(cString: $0) } ?? "",
        code: Int(error.pointee.code),
        message: error.pointee.message.map { String(cString: $0) } ?? "libostree gave no reason")
}
