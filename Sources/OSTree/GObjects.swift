import COSTree

/// The one owner of a GObject; it gives the reference back, on the library's thread, when it goes.
final class GObject: Sendable {
    nonisolated(unsafe) let pointer: OpaquePointer

    /// Takes over a reference.
    init(adopting pointer: OpaquePointer) { self.pointer = pointer }

    /// Takes a reference of its own to an object that somebody else holds.
    init(sharing pointer: OpaquePointer) {
        g_object_ref(UnsafeMutableRawPointer(pointer))
        self.pointer = pointer
    }

    deinit {
        LibraryThread.run { [pointer] in g_object_unref(UnsafeMutableRawPointer(pointer)) }
    }
}

/// Calls `body` with a GFile for `path`, which is released afterwards.
func withGFile<Value>(_ path: String, _ body: (OpaquePointer) -> Value) -> Value {
    guard let file = g_file_new_for_path(path) else { fatalError("g_file_new_for_path cannot fail") }
    defer { g_object_unref(UnsafeMutableRawPointer(file)) }
    return body(file)
}

/// Calls `body` with a NULL-terminated array of C strings, or with `NULL` when there are no strings to pass.
func withStrings<Value>(
    _ strings: [String]?, _ body: (UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?) -> Value
) -> Value {
    guard let strings else { return body(nil) }
    var pointers: [UnsafeMutablePointer<CChar>?] = strings.map { g_strdup($0) }
    pointers.append(nil)
    defer { for pointer in pointers { g_free(pointer) } }
    return pointers.withUnsafeMutableBufferPointer { body($0.baseAddress) }
}
