/// Versions of loaders, compared as Debian's are to a first approximation: runs of digits as numbers, the rest as text,
/// and `~` before everything.
struct LoaderVersion: Comparable {
    let text: String

    static func < (one: LoaderVersion, other: LoaderVersion) -> Bool {
        var left = Substring(one.text).utf8
        var right = Substring(other.text).utf8
        while !left.isEmpty || !right.isEmpty {
            let (leftText, rightText) = (take(&left) { !isDigit($0) }, take(&right) { !isDigit($0) })
            if let order = precedes(leftText, rightText) { return order }
            let (leftNumber, rightNumber) = (digits(&left), digits(&right))
            if leftNumber.count != rightNumber.count { return leftNumber.count < rightNumber.count }
            if leftNumber != rightNumber { return leftNumber.lexicographicallyPrecedes(rightNumber) }
        }
        return false
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }

    private static func take(_ rest: inout Substring.UTF8View, while condition: (UInt8) -> Bool) -> [UInt8] {
        let part = Array(rest.prefix(while: condition))
        rest = rest.dropFirst(part.count)
        return part
    }

    private static func digits(_ rest: inout Substring.UTF8View) -> [UInt8] {
        Array(take(&rest, while: isDigit).drop { $0 == 0x30 })
    }

    private static func precedes(_ left: [UInt8], _ right: [UInt8]) -> Bool? {
        for index in 0..<max(left.count, right.count) {
            let (a, b) = (weight(left, index), weight(right, index))
            if a != b { return a < b }
        }
        return nil
    }

    private static func weight(_ bytes: [UInt8], _ index: Int) -> Int {
        guard index < bytes.count else { return 0 }
        return bytes[index] == UInt8(ascii: "~") ? -1 : Int(bytes[index])
    }
}

extension BootLoader {
    /// Refuses to replace a newer loader by an older one.
    func checkVersions(_ status: LoaderStatus, force: Bool) throws(BootLoaderError) {
        guard !force, let installed = status.installed, let available = status.available else { return }
        if LoaderVersion(text: available) < LoaderVersion(text: installed) {
            throw .newerLoader(installed: installed, available: available)
        }
    }
}
