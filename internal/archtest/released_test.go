package archtest_test

import (
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"testing"
)

// released are the migrations that databases outside have been through, by their
// SHA-256. What such a database has to become is another migration's to say: an edit
// here would reach new databases only.
var released = map[string]string{
	"internal/store/sqlite/migrations/00001_start.sql":   "cb7cb134ebdedcf13e88f0724adec22c19e49bd06ac212b90cfcc7bcab623afa", // 0.1
	"internal/store/postgres/migrations/00001_start.sql": "fef18b974a0f9ccc9df9a105f4d4a1fcaeac12c946754ed9bc56929ea4f38446", // 0.1
}

func TestReleasedMigrationsNeverChange(t *testing.T) {
	t.Parallel()
	for name, want := range released {
		text, err := fs.ReadFile(root, name)
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(text)
		if got := hex.EncodeToString(sum[:]); got != want {
			t.Errorf("%s was released and has changed (SHA-256 %s): leave it as it was and add a migration", name, got)
		}
	}
}
