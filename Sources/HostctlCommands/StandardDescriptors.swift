import CLinux
import Glibc
import LinuxSystem
import SystemPackage

/// Standard error, unbuffered.
public enum StandardError {
    /// Writes text; a failure to do so is nobody's concern.
    public static func write(_ text: String) {
        var text = text
        text.withUTF8 { _ = Glibc.write(2, $0.baseAddress, $0.count) }
    }

    /// Whether a person is likely to be watching.
    public static var isTerminal: Bool { isatty(2) == 1 }
}

/// Standard input, output and error as the caller left them.
enum StandardDescriptors {
    /// Opens those that are closed: the next file to be opened would take the number, and what is meant for a person
    /// would be written into it.
    static func open() {
        for number: Int32 in 0...2 where fcntl(number, F_GETFD) < 0 {
            // The lowest free number is this one. Without /dev a folder takes the place, and writing to it fails.
            if Glibc.open("/dev/null", O_RDWR) < 0 { _ = Glibc.open("/", O_RDONLY) }
        }
    }

    /// Writes out what was printed. A reader that has gone away has what it wanted.
    ///
    /// - Throws: `SystemError` when the answer cannot be written.
    static func flush() throws(SystemError) {
        let code: Errno
        if fflush(nil) != 0 {
            code = Errno(rawValue: errno)
        } else if hostctl_output_failed() != 0 {
            // A line that was written when it was printed, as `stdbuf -oL` asks for: its errno is gone.
            code = hasReader ? .ioError : .brokenPipe
        } else {
            return
        }
        if code != .brokenPipe { throw SystemError("write to", "standard output", code: code) }
    }

    private static var hasReader: Bool {
        var output = pollfd(fd: 1, events: Int16(POLLOUT), revents: 0)
        return poll(&output, 1, 0) < 0 || output.revents & Int16(POLLERR) == 0
    }
}
