package store

import "fmt"

// inUse is the error of a second process on one data folder.
func inUse(dir, pid string) error {
	if pid != "" {
		pid = ", process " + pid
	}
	return fmt.Errorf("the data folder %s is in use by another Penstock%s: stop it, or name another folder", dir, pid)
}
