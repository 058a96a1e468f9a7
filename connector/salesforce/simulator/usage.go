package simulator

import (
	"encoding/json"
	"fmt"
	"time"
)

// A usage counts in a rolling window of 24 hours, to the hour.
type usage struct {
	hours map[int64]int
}

func (u *usage) add(now time.Time, n int) {
	if u.hours == nil {
		u.hours = map[int64]int{}
	}
	u.hours[now.Unix()/3600] += n
}

func (u *usage) sum(now time.Time) int {
	hour, sum := now.Unix()/3600, 0
	for h, n := range u.hours {
		if h > hour-24 {
			sum += n
		} else {
			delete(u.hours, h)
		}
	}
	return sum
}

func (u *usage) set(now time.Time, n int) { u.hours = map[int64]int{now.Unix() / 3600: n} }

// SetUsage says how many requests were made in the last 24 hours, by anybody.
// They count until 24 hours from now.
func (s *Simulator) SetUsage(requests int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.usage.set(s.clock.Now(), requests)
}

// SetJobUsage says how many query jobs were made in the last 24 hours.
func (s *Simulator) SetJobUsage(jobs int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.jobsUsed.set(s.clock.Now(), jobs)
}

// Usage returns how many requests were made in the last 24 hours.
func (s *Simulator) Usage() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.usage.sum(s.clock.Now())
}

// limitInfo returns the header that every answer of the REST API has.
func (s *Simulator) limitInfo() string {
	return fmt.Sprintf("api-usage=%d/%d", s.Usage(), s.opt.DailyRequests)
}

// limits answers with the org's limits (REST API guide, Limits).
func (s *Simulator) limits(*call) (*answer, *apiError) {
	s.mu.Lock()
	now := s.clock.Now()
	used, jobs := s.usage.sum(now), s.jobsUsed.sum(now)
	s.mu.Unlock()
	type limit struct{ Max, Remaining int }
	body, _ := json.Marshal(map[string]limit{
		"DailyApiRequests":                  {s.opt.DailyRequests, max(0, s.opt.DailyRequests-used)},
		"DailyBulkApiBatches":               {15_000, 15_000},
		"DailyBulkV2QueryJobs":              {s.opt.DailyQueryJobs, max(0, s.opt.DailyQueryJobs-jobs)},
		"DailyBulkV2QueryFileStorageMB":     {976_562, 976_562},
		"DailyAsyncApexExecutions":          {250_000, 250_000},
		"DailyStreamingApiEvents":           {200_000, 200_000},
		"DataStorageMB":                     {1024, 1000},
		"FileStorageMB":                     {1024, 1024},
		"ConcurrentAsyncGetReportInstances": {200, 200},
		"SingleEmail":                       {5000, 5000},
	})
	return &answer{body: body}, nil
}
