import COSTree

/// Groups of keys and values, as a deployment's `.origin` file holds them.
public struct KeyFile: Sendable, Equatable {
    /// A named group; keys keep their order.
    public struct Group: Sendable, Equatable {
        public let name: String
        public let values: [(key: String, value: String)]

        public init(_ name: String, _ values: [(key: String, value: String)]) {
            self.name = name
            self.values = values
        }

        public static func == (left: Self, right: Self) -> Bool {
            left.name == right.name && left.values.elementsEqual(right.values, by: ==)
        }
    }

    /// The groups in their order.
    public let groups: [Group]

    public init(_ groups: [Group]) { self.groups = groups }

    /// Calls `body` with a GKeyFile of the same content, which is released afterwards.
    func withPointer<Value, Failure>(
        _ body: (OpaquePointer) throws(Failure) -> Value
    ) throws(Failure) -> Value {
        guard let file = g_key_file_new() else { fatalError("g_key_file_new cannot fail") }
        defer { g_key_file_unref(file) }
        for group in groups {
            for (key, value) in group.values { g_key_file_set_string(file, group.name, key, value) }
        }
        return try body(file)
    }
}
