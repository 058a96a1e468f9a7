//go:build !linux

package postgres

import "errors"

func setLowWater(uintptr, int) error { return errors.ErrUnsupported }
