package packet

import (
	"fmt"
	"strconv"
	"time"
)

// ID names a packet: 42 bits of milliseconds since 1970 and 21 random bits, so
// that packets of the same time lie together in a table and no counter is shared.
// It is positive and never reused. It is no capability.
type ID int64

const (
	idRandomBits = 21
	idRandomMask = 1<<idRandomBits - 1
	idMillisMax  = 1<<42 - 1 // the year 2109
)

// NewID makes the id of a packet sent at the given time (milliseconds since
// 1970), told apart from others of that millisecond by the low 21 bits of random.
// It panics outside the years 1970 to 2109.
func NewID(millis int64, random uint32) ID {
	if millis < 0 || millis > idMillisMax {
		panic(fmt.Sprintf("packet: no id for time %d", millis))
	}
	return ID(millis<<idRandomBits | int64(random&idRandomMask))
}

// Millis returns the time in the id, in milliseconds since 1970.
func (id ID) Millis() int64 { return int64(id) >> idRandomBits }

// Environment says whether money is real. It is written once, when the database
// is made, and every part must agree with it.
type Environment string

// The two environments.
const (
	Sandbox    Environment = "sandbox"
	Production Environment = "production"
)

// listIDPrefix starts a send_listid, by environment, so that nobody takes one of
// a sandbox for real.
var listIDPrefix = map[Environment]string{Production: "1000", Sandbox: "9000"}

// Beijing is the zone of all times and dates on the merchant's wire.
var Beijing = time.FixedZone("CST", 8*60*60)

// Day returns the date in Beijing of a time in milliseconds, as a number that shows
// it: 20261124. Quotas are by this day.
func Day(millis int64) int {
	year, month, day := time.UnixMilli(millis).In(Beijing).Date()
	return year*10_000 + int(month)*100 + day
}

// ListID writes the id as the merchant's wire and the claim page name it,
// send_listid: 31 digits, "1000" (in a sandbox "9000"), the day in Beijing, the id
// in 19 digits.
func (id ID) ListID(env Environment) string {
	day := time.UnixMilli(id.Millis()).In(Beijing).Format("20060102")
	return fmt.Sprintf("%s%s%019d", listIDPrefix[env], day, int64(id))
}

// ParseListID undoes ListID; ok is false for any text that ListID of env does not
// write.
func ParseListID(s string, env Environment) (id ID, ok bool) {
	if len(s) != 31 {
		return 0, false
	}
	n, err := strconv.ParseInt(s[12:], 10, 64)
	if err != nil || n < 0 {
		return 0, false
	}
	return ID(n), ID(n).ListID(env) == s
}
