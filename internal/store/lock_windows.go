package store

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
)

// lockFolder takes the data folder for this process: it keeps a file open that
// nobody else may open meanwhile. The system gives it back when the process
// ends, however it ends.
func lockFolder(dir string) (io.Closer, error) {
	file := filepath.Join(dir, "penstock.lock")
	name, err := syscall.UTF16PtrFromString(file)
	if err != nil {
		return nil, err
	}
	const sharingViolation = syscall.Errno(32)
	h, err := syscall.CreateFile(name, syscall.GENERIC_READ|syscall.GENERIC_WRITE, 0, nil,
		syscall.OPEN_ALWAYS, syscall.FILE_ATTRIBUTE_NORMAL, 0)
	if err == sharingViolation {
		return nil, inUse(dir, "")
	}
	if err != nil {
		return nil, fmt.Errorf("lock the data folder %s: %w", dir, err)
	}
	return os.NewFile(uintptr(h), file), nil
}
