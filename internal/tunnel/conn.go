package tunnel

import (
	"io"
	"net"
)

// through makes of a channel, which knows no deadlines and no addresses, a
// connection that does. Drivers interrupt a query by a deadline, and connect
// again to the address of the other side to cancel it there.
func through(channel net.Conn, network, address string) net.Conn {
	near, far := net.Pipe()
	go func() {
		defer channel.Close()
		io.Copy(channel, far)
	}()
	go func() {
		defer far.Close()
		io.Copy(far, channel)
	}()
	return &conn{near, addr{network, address}}
}

// A conn is the near end of a connection through a tunnel.
type conn struct {
	net.Conn
	remote addr
}

func (c *conn) RemoteAddr() net.Addr { return c.remote }

type addr struct{ network, address string }

func (a addr) Network() string { return a.network }
func (a addr) String() string  { return a.address }
