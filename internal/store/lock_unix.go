//go:build unix

package store

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// lockFolder takes the data folder for this process. The system gives it back
// when the process ends, however it ends.
func lockFolder(dir string) (io.Closer, error) {
	f, err := os.OpenFile(filepath.Join(dir, "penstock.lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		var who [20]byte
		n, _ := f.ReadAt(who[:], 0)
		f.Close()
		if err != syscall.EWOULDBLOCK {
			return nil, fmt.Errorf("lock the data folder %s: %w", dir, err)
		}
		return nil, inUse(dir, strings.TrimSpace(string(who[:n])))
	}
	f.Truncate(0)
	fmt.Fprintln(f, os.Getpid())
	return f, nil
}
