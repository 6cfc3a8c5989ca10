import LinuxSystem
import TestSupport
import Testing
import Transfers

/// A transfer ends soon when other work has failed.
@Suite struct StopTests {
    private let fixture: TransferFixture

    init() throws { fixture = try TransferFixture() }

    /// The error of a fetch during which `stop` is set, and the seconds until it ended after that.
    private func stoppedFetch(_ options: TransferOptions) throws -> (error: TransferError?, delay: Double) {
        let stop = StopFlag()
        let url = fixture.url
        let server = fixture.server
        let result = Guarded<(TransferError?, ContinuousClock.Instant)>((nil, .now))
        let start = Guarded(ContinuousClock.now)
        try Workers.run(2) { index, _ in
            if index == 0 {
                _ = waitUntil { server.requests.first?.bytesSent == 1000 || server.requests.first?.status == 503 }
                start.with { $0 = .now }
                stop.set()
                return
            }
            do { _ = try Connection(options, stop: stop).bytes(of: url, limit: 1 << 20) } catch {
                let error = error as? TransferError
                result.with { $0 = (error, .now) }
            }
        }
        let (error, end) = result.with { $0 }
        return (error, (end - start.with { $0 }) / .seconds(1))
    }

    @Test("a stalled transfer is stopped within seconds") func stalled() throws {
        fixture.set(.stalled(after: 1000))
        var options = TransferFixture.impatient()
        options.stallSeconds = 30
        let (error, delay) = try stoppedFetch(options)
        #expect(error == .cancelled(url: fixture.url))
        #expect(delay < 3)
    }

    @Test("the pause between attempts is stopped at once") func pausing() throws {
        fixture.set(.status(503))
        var options = TransferFixture.impatient(attempts: 10)
        options.firstPause = 30
        let (error, delay) = try stoppedFetch(options)
        #expect(error != nil)
        #expect(delay < 2)
        #expect(fixture.server.requests.count <= 2)
    }
}
