//go:build unix

package api

import (
	"errors"
	"net"
	"syscall"
)

// hungUp says whether the other side has closed the connection, without taking
// anything off it; false where that cannot be known. fasthttp does not look
// while a handler runs. Who closed only its sending side counts as gone, as
// with net/http.
func hungUp(conn net.Conn) bool {
	socket, ok := conn.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return false
	}
	closed := false
	err = raw.Read(func(fd uintptr) bool {
		n, _, err := syscall.Recvfrom(int(fd), make([]byte, 1), syscall.MSG_PEEK)
		nothingYet := errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EINTR)
		closed = n <= 0 && !nothingYet
		return true // whatever it is, wait for no more
	})
	return closed && err == nil
}
