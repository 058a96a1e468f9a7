package rest

// parseDate reads 2026-01-31 and returns the days since 1970-01-01.
func parseDate(s []byte) (int32, bool) {
	if len(s) != 10 || s[4] != '-' || s[7] != '-' {
		return 0, false
	}
	y, ok1 := digits(s[0:4])
	m, ok2 := digits(s[5:7])
	d, ok3 := digits(s[8:10])
	if !ok1 || !ok2 || !ok3 || y < 1 || m < 1 || m > 12 || d < 1 || d > daysIn(y, m) {
		return 0, false
	}
	return int32(days(y, m, d)), true
}

// parseTime reads 2026-01-31T10:00:00 with a space or a T, at most six digits
// of a fraction that are not zero, and Z, an offset or nothing at the end. It
// returns the microseconds since 1970-01-01 in UTC, and whether the text named
// a zone; without one it is taken for UTC.
func parseTime(s []byte) (micros int64, zoned, ok bool) {
	if len(s) < 16 || s[10] != 'T' && s[10] != ' ' || s[13] != ':' {
		return 0, false, false
	}
	day, ok := parseDate(s[:10])
	hour, ok1 := digits(s[11:13])
	minute, ok2 := digits(s[14:16])
	if !ok || !ok1 || !ok2 || hour > 23 || minute > 59 {
		return 0, false, false
	}
	second := 0
	s = s[16:]
	if len(s) >= 3 && s[0] == ':' {
		if second, ok = digits(s[1:3]); !ok || second > 59 {
			return 0, false, false
		}
		s = s[3:]
	}
	fraction := 0
	if len(s) > 1 && s[0] == '.' {
		unit, i := 100_000, 1
		for ; i < len(s) && '0' <= s[i] && s[i] <= '9'; i++ {
			c := int(s[i] - '0')
			if unit == 0 && c != 0 {
				return 0, false, false // finer than a microsecond
			}
			fraction += c * unit
			unit /= 10
		}
		s = s[i:]
	}
	offset, zoned, ok := parseZone(s)
	if !ok {
		return 0, false, false
	}
	seconds := int64(day)*86400 + int64(hour)*3600 + int64(minute-offset)*60 + int64(second)
	return seconds*1e6 + int64(fraction), zoned, true
}

// parseZone reads Z, +hh:mm, +hhmm, +hh or nothing as minutes east of UTC.
func parseZone(s []byte) (minutes int, zoned, ok bool) {
	if len(s) == 0 {
		return 0, false, true
	}
	if len(s) == 1 && (s[0] == 'Z' || s[0] == 'z') {
		return 0, true, true
	}
	sign := 1
	switch s[0] {
	case '+':
	case '-':
		sign = -1
	default:
		return 0, false, false
	}
	s = s[1:]
	if len(s) == 5 && s[2] == ':' {
		s = append(append([]byte(nil), s[:2]...), s[3:]...)
	}
	h, m, ok1, ok2 := 0, 0, false, true
	switch len(s) {
	case 4:
		m, ok2 = digits(s[2:4])
		fallthrough
	case 2:
		h, ok1 = digits(s[0:2])
	}
	if !ok1 || !ok2 || h > 23 || m > 59 {
		return 0, false, false
	}
	return sign * (h*60 + m), true, true
}

func digits(s []byte) (int, bool) {
	n := 0
	for _, c := range s {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, true
}

func daysIn(y, m int) int {
	switch m {
	case 4, 6, 9, 11:
		return 30
	case 2:
		if y%4 == 0 && (y%100 != 0 || y%400 == 0) {
			return 29
		}
		return 28
	}
	return 31
}

// days counts the days from 1970-01-01 in the Gregorian calendar, with years
// that begin in March so that the leap day comes last.
func days(y, m, d int) int {
	if m <= 2 {
		y, m = y-1, m+12
	}
	return 365*y + y/4 - y/100 + y/400 + (153*(m-3)+2)/5 + d - 1 - 719468
}
