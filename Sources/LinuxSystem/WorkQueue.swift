import Glibc

/// Work that makes more work: workers take items and add those that they find, until nothing is left and
/// nobody is busy.
public final class WorkQueue<Item: Sendable>: @unchecked Sendable {
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let changed: UnsafeMutablePointer<pthread_cond_t>
    private var urgent: [Item] = []
    private var normal: [Item] = []
    private var busy = 0
    private var isClosed = false

    public init() {
        mutex = .allocate(capacity: 1)
        changed = .allocate(capacity: 1)
        pthread_mutex_init(mutex, nil)
        pthread_cond_init(changed, nil)
    }

    deinit {
        pthread_cond_destroy(changed)
        pthread_mutex_destroy(mutex)
        changed.deallocate()
        mutex.deallocate()
    }

    /// Adds items; `urgent` ones, which lead to more work, are taken first.
    public func add(_ items: [Item], urgent isUrgent: Bool = false) {
        if items.isEmpty { return }
        pthread_mutex_lock(mutex)
        if isUrgent { urgent += items } else { normal += items }
        pthread_cond_broadcast(changed)
        pthread_mutex_unlock(mutex)
    }

    /// Waits for an item. `nil` when all work is done, or `close` was called.
    ///
    /// Each item that was taken must be followed by `finished()`.
    public func next() -> Item? {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        while !isClosed {
            if let item = urgent.popLast() ?? normal.popLast() {
                busy += 1
                return item
            }
            if busy == 0 {
                pthread_cond_broadcast(changed)
                return nil
            }
            pthread_cond_wait(changed, mutex)
        }
        return nil
    }

    /// Says that the item taken last has been worked on.
    public func finished() {
        pthread_mutex_lock(mutex)
        busy -= 1
        if busy == 0 { pthread_cond_broadcast(changed) }
        pthread_mutex_unlock(mutex)
    }

    /// Sends everyone home.
    public func close() {
        pthread_mutex_lock(mutex)
        isClosed = true
        pthread_cond_broadcast(changed)
        pthread_mutex_unlock(mutex)
    }
}
