package destinationtest

import "testing"

// TestMemory: what others are compared with does what the scripts say.
func TestMemory(t *testing.T) {
	s := MemorySubject
	for _, c := range append(scripts, modeScripts...) {
		t.Run(c.name, func(t *testing.T) { runScript(t, s, c.script) })
	}
	t.Run("Migrate", func(t *testing.T) { testMigrate(t, s) })
	t.Run("Keyless", func(t *testing.T) { testKeyless(t, s) })
}
