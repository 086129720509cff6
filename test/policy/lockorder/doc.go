// Package lockorder finds in which order the code takes its locks.
//
// It reads the source with its types and walks every function once, with the
// locks that are held at each statement: those the function took itself, and
// those that a callee left taken (inet.Sock.Lock). A call passes on what its
// callee takes, however deep. What a call may reach is found thus:
//
//   - a function or a method of a known type is itself;
//   - a method of an interface that the module declares is that of every type of the module that has all its methods;
//   - a function value is whatever was assigned to that variable, field or parameter anywhere (a points-to set without
//     regard to order or context);
//   - a function value handed to another module's function is called there and then (sort, sync.Once), save those that
//     start a timer.
//
// A lock is named by its type and field, so all sockets' locks are one. What it
// cannot see, then: the order between two locks of one name; methods reached
// through an interface of another module (io.Writer, net.Conn); function values
// kept in an interface value; locks reached through a copied pointer (p := &s.mu);
// files of other systems than the one it runs on; the locks of an iterator while
// the body of its range loop runs; and channels used as locks. A branch counts as
// taken, so it may report an order that no run has. A goroutine begins with none
// held, and TryLock, which does not wait, may be called in any order.
package lockorder
