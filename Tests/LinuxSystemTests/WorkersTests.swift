import Glibc
import LinuxSystem
import TestSupport
import Testing

private struct Failure: Error, Equatable { let index: Int }

@Suite struct WorkersTests {
    @Test("every index runs once, at the same time")
    func all() throws {
        let seen = Guarded<[Int]>([])
        try Workers.run(8) { index, _ in
            seen.with { $0.append(index) }
            // None returns before the last has begun.
            #expect(waitUntil { seen.with { $0.count } == 8 })
        }
        #expect(seen.with { $0.sorted() } == Array(0..<8))
    }

    @Test("a count of none or fewer still runs one", arguments: [-1, 0, 1])
    func one(count: Int) throws {
        let seen = Guarded(0)
        try Workers.run(count) { _, _ in seen.with { $0 += 1 } }
        #expect(seen.with { $0 } == 1)
    }

    @Test("the first error stops the others and is the one that is thrown", arguments: [0, 3])
    func failure(thrower: Int) {
        let stopped = Guarded(0)
        let error = #expect(throws: Failure.self) {
            try Workers.run(4) { index, stop in
                if index == thrower { throw Failure(index: index) }
                if waitUntil({ stop.isSet }) { stopped.with { $0 += 1 } }
                throw Failure(index: -1)
            }
        }
        #expect(error == Failure(index: thrower))
        #expect(stopped.with { $0 } == 3)
    }

    @Test("this process may use at least one processor, and no more than there are")
    func processors() {
        #expect((1...max(1, Int(sysconf(Int32(_SC_NPROCESSORS_CONF))))).contains(Workers.processorCount))
    }

    @Test("items that add items are all worked on, and then everyone goes home")
    func queue() throws {
        let queue = WorkQueue<Int>()
        let done = Guarded(0)
        queue.add([12])
        try Workers.run(4) { _, _ in
            while let item = queue.next() {
                if item > 0 { queue.add([item - 1, item - 1], urgent: item % 2 == 0) }
                done.with { $0 += 1 }
                queue.finished()
            }
        }
        #expect(done.with { $0 } == (1 << 13) - 1)
    }

    @Test("an empty queue ends at once")
    func emptyQueue() {
        #expect(WorkQueue<Int>().next() == nil)
    }

    @Test("urgent items are taken first")
    func urgent() {
        let queue = WorkQueue<Int>()
        queue.add([1])
        queue.add([2], urgent: true)
        #expect(queue.next() == 2)
        #expect(queue.next() == 1)
    }

    @Test("closing frees those who wait for a worker that will never finish")
    func close() throws {
        let queue = WorkQueue<Int>()
        queue.add([1])
        #expect(queue.next() == 1)
        let freed = Guarded(0)
        #expect(throws: Failure.self) {
            try Workers.run(4) { index, _ in
                if index == 0 {
                    usleep(50_000)
                    #expect(freed.with { $0 } == 0)
                    queue.close()
                    throw Failure(index: 0)
                }
                #expect(queue.next() == nil)
                freed.with { $0 += 1 }
            }
        }
        #expect(freed.with { $0 } == 3)
        queue.add([2])
        #expect(queue.next() == nil)
    }

    @Test("a stop flag stays set")
    func stopFlag() {
        let flag = StopFlag()
        #expect(!flag.isSet)
        flag.set()
        #expect(flag.isSet)
    }
}
