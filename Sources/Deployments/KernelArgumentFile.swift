/// A file of `/usr/lib/bootc/kargs.d`, in bootc's format:
/// `kargs = ["console=ttyS0"]`, and `match-architectures = ["x86_64"]` where it is not for all.
/// https://bootc-dev.github.io/bootc/building/kernel-arguments.html
///
/// Read is the TOML that such a file needs: comments, these two keys, arrays of basic and literal strings. Anything else
/// is refused, so that no argument is lost without notice.
struct KernelArgumentFile: Equatable {
    var arguments: [String] = []
    /// `nil` for all.
    var architectures: [String]?

    /// - Parameter what: the file's name, for messages.
    /// - Throws: `DeploymentError.notDeployable`.
    init(_ text: String, what: String) throws(DeploymentError) {
        var parser = Parser(text, what)
        var values: [String: [String]] = [:]
        while let key = try parser.key() {
            guard key == "kargs" || key == "match-architectures" else { throw parser.error("'\(key)' is no key of it") }
            guard values[key] == nil else { throw parser.error("'\(key)' is there twice") }
            values[key] = try parser.strings()
            try parser.endLine()
        }
        guard let arguments = values["kargs"] else { throw parser.error("it has no kargs") }
        for argument in arguments {
            do throws(DeploymentError) { try KernelArguments.validate(argument) } catch {
                throw parser.error(error.reason)
            }
        }
        self.arguments = arguments
        architectures = values["match-architectures"]
    }

    private struct Parser {
        private let what: String
        private let text: [Unicode.Scalar]
        private var place = 0
        private var line = 1

        init(_ text: String, _ what: String) {
            self.what = what
            self.text = Array(text.unicodeScalars)
        }

        private var next: Unicode.Scalar? { place < text.count ? text[place] : nil }

        func error(_ detail: String) -> DeploymentError {
            .notDeployable(detail: "line \(line) of \(what): \(detail)")
        }

        private mutating func take() -> Unicode.Scalar? {
            guard let scalar = next else { return nil }
            place += 1
            if scalar == "\n" { line += 1 }
            return scalar
        }

        private mutating func skip(lines: Bool) throws(DeploymentError) {
            while let scalar = next {
                if scalar == "#" {
                    while let other = next, other != "\n" { try refuseControl(take() ?? other) }
                } else if scalar == " " || scalar == "\t" || lines && (scalar == "\n" || isReturn()) {
                    _ = take()
                } else {
                    return
                }
            }
        }

        private func isReturn() -> Bool { next == "\r" && place + 1 < text.count && text[place + 1] == "\n" }

        private func refuseControl(_ scalar: Unicode.Scalar) throws(DeploymentError) {
            if (scalar.value < 0x20 && scalar != "\t" && scalar != "\r") || scalar.value == 0x7F {
                throw error("a control character")
            }
        }

        /// The next key; `nil` at the end of the file.
        mutating func key() throws(DeploymentError) -> String? {
            try skip(lines: true)
            if next == nil { return nil }
            var key = ""
            while let scalar = next, scalar.properties.isAlphabetic || scalar == "-" || scalar == "_" {
                key.unicodeScalars.append(scalar)
                _ = take()
            }
            try skip(lines: false)
            guard !key.isEmpty, take() == "=" else { throw error("a key and '=' are expected") }
            return key
        }

        mutating func strings() throws(DeploymentError) -> [String] {
            try skip(lines: false)
            guard take() == "[" else { throw error("a list in brackets is expected") }
            var strings: [String] = []
            while true {
                try skip(lines: true)
                if next == "]" { break }
                strings.append(try string())
                try skip(lines: true)
                if next == "]" { break }
                guard take() == "," else { throw error("',' or ']' is expected") }
            }
            _ = take()
            return strings
        }

        private mutating func string() throws(DeploymentError) -> String {
            guard let quote = take(), quote == "\"" || quote == "'" else {
                throw error("a string in quotes is expected")
            }
            var result = ""
            while let scalar = take() {
                if scalar == quote { return result }
                if scalar == "\n" || scalar == "\r" { throw error("a string is not closed") }
                try refuseControl(scalar)
                result.unicodeScalars.append(scalar == "\\" && quote == "\"" ? try escaped() : scalar)
            }
            throw error("a string is not closed")
        }

        private mutating func escaped() throws(DeploymentError) -> Unicode.Scalar {
            switch take() {
            case "\"": return "\""
            case "\\": return "\\"
            case "t": return "\t"
            case "n": return "\n"
            case "u": return try number(4)
            case "U": return try number(8)
            default: throw error("an escape that is not known here")
            }
        }

        private mutating func number(_ count: Int) throws(DeploymentError) -> Unicode.Scalar {
            var digits = ""
            for _ in 0..<count { if let digit = take() { digits.unicodeScalars.append(digit) } }
            guard let value = UInt32(digits, radix: 16), let scalar = Unicode.Scalar(value) else {
                throw error("an escape that is no character")
            }
            return scalar
        }

        mutating func endLine() throws(DeploymentError) {
            try skip(lines: false)
            guard next == nil || next == "\n" || isReturn() else { throw error("more than one value on a line") }
        }
    }
}
