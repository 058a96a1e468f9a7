package modelcheck

import (
	"testing"

	"github.com/penstock-data/penstock/destination/destinationtest"
)

func TestMemory(t *testing.T) { Run(t, destinationtest.MemorySubject, 2000) }
