#include "placement_scan.h"

#include <math.h>
#include <stdbool.h>
#include <stddef.h>

// The formulas are those of the scheduler, operation by operation, so that equal means equal.

static const double earth_radius = 6371.0;
static const double half_latency = 10000000.0;
static const double half_distance = 500.0;
static const double nearby = 500000.0;
static const double per_kilometre = 15000.0;

static void sine_and_cosine(double degrees, double *sine_out, double *cosine_out) {
  double quarter = round(degrees / 90);
  double rest = (degrees - quarter * 90) * (M_PI / 180);
  double square = rest * rest, sine = 0, cosine = 0;
  for (int step = 8; step >= 0; step--) {
    double even = 2 * step;
    sine = 1 - square / ((even + 2) * (even + 3)) * sine;
    cosine = 1 - square / ((even + 1) * (even + 2)) * cosine;
  }
  sine *= rest;
  switch ((int)quarter & 3) {
    case 0: *sine_out = sine, *cosine_out = cosine; break;
    case 1: *sine_out = cosine, *cosine_out = -sine; break;
    case 2: *sine_out = -sine, *cosine_out = -cosine; break;
    default: *sine_out = -cosine, *cosine_out = sine; break;
  }
}

static void place(double latitude, double longitude, double *x, double *y, double *z) {
  double sine_latitude, cosine_latitude, sine_longitude, cosine_longitude;
  sine_and_cosine(latitude, &sine_latitude, &cosine_latitude);
  sine_and_cosine(longitude, &sine_longitude, &cosine_longitude);
  *x = cosine_latitude * cosine_longitude;
  *y = cosine_latitude * sine_longitude;
  *z = sine_latitude;
}

void scan_place(scan_fleet *fleet) {
  for (int32_t row = 0; row < fleet->count; row++)
    place(
        fleet->latitude[row], fleet->longitude[row], &fleet->x[row], &fleet->y[row],
        &fleet->z[row]);
}

static double kilometres(double chord) {
  double sine = fmin(1, chord / 2);
  double quarter = sine / (1 + sqrt(1 - sine * sine));
  double eighth = quarter / (1 + sqrt(1 + quarter * quarter));
  double square = eighth * eighth, sum = 0;
  for (int odd = 25; odd >= 1; odd -= 2) sum = 1.0 / odd - square * sum;
  return earth_radius * 8 * eighth * sum;
}

void scan_prepare(const scan_fleet *fleet, scan_rules *rules) {
  const scan_weights weights = rules->weights;
  double x, y, z;
  place(rules->latitude, rules->longitude, &x, &y, &z);
  for (int32_t row = 0; row < fleet->count; row++) {
    double latency_score = 0.5, distance_score = 0.5, latency = -1;
    if (!isnan(fleet->latitude[row]) && !isnan(rules->latitude)) {
      double dx = x - fleet->x[row], dy = y - fleet->y[row], dz = z - fleet->z[row];
      double way = kilometres(sqrt(dx * dx + dy * dy + dz * dz));
      distance_score = half_distance / (half_distance + way);
      latency = nearby + way * per_kilometre;
    } else if (fleet->zone[row] == rules->zone) {
      latency = nearby;
    }
    if (rules->measured && rules->measured[row] >= 0) latency = (double)rules->measured[row];
    if (latency >= 0) latency_score = half_latency / (half_latency + latency);
    double data = rules->data_zone < 0 || rules->data_zone == fleet->zone[row] ? 1 : 0;
    bool may_run = (fleet->offers[row] & rules->needs) == rules->needs;
    double near = weights.latency * latency_score + weights.distance * distance_score;
    rules->standing[row] = may_run ? near + weights.data_locality * data : -1;
    double both = weights.latency + weights.distance;
    rules->proximity[row] = both > 0 ? near / both : 0;
  }
}

typedef struct {
  double points;
  int32_t row;
} candidate;

static inline double domain_score(const scan_fleet *fleet, int32_t row) {
  return 1.0 / (1 + fleet->placements[fleet->domain[row]]);
}

static inline double resource_score(const scan_fleet *fleet, int32_t row, int64_t memory) {
  return ((double)(fleet->free[row] - memory) * fleet->per_byte[row] + fleet->idle[row]) / 2;
}

static inline bool precedes(const scan_fleet *fleet, candidate left, candidate right) {
  if (left.points != right.points) return left.points > right.points;
  int left_holds = fleet->marks[left.row] & 2, right_holds = fleet->marks[right.row] & 2;
  if (left_holds != right_holds) return left_holds;
  return fleet->name_rank[left.row] < fleet->name_rank[right.row];
}

// The best of all nodes, best first.
static int scan(
    const scan_fleet *fleet, const scan_rules *rules, int64_t memory, int limit, candidate *list) {
  const double *restrict standing = rules->standing;
  const int64_t *restrict free = fleet->free;
  const double *restrict per_byte = fleet->per_byte;
  const double *restrict idle = fleet->idle;
  const uint8_t *restrict closed = fleet->closed;
  const double resources = rules->weights.resources, fault_domain = rules->weights.fault_domain;
  const int32_t count = fleet->count;
  double threshold = -1;
  int found = 0;
  for (int32_t row = 0; row < count; row++) {
    // At its best it would not come in: most nodes end here.
    double without_domain =
        standing[row] + resources * (((double)(free[row] - memory) * per_byte[row] + idle[row]) / 2);
    if (without_domain + fault_domain < threshold) continue;
    if (standing[row] < 0 || closed[row] || free[row] < memory || fleet->marks[row] & 1) continue;
    candidate new = {without_domain + fault_domain * domain_score(fleet, row), row};
    if (found == limit) {
      if (!precedes(fleet, new, list[limit - 1])) continue;
      found--;
    }
    int place = found++;
    for (; place > 0 && precedes(fleet, new, list[place - 1]); place--) list[place] = list[place - 1];
    list[place] = new;
    if (found == limit) threshold = list[limit - 1].points;
  }
  return found;
}

static void choose(
    scan_fleet *fleet, const scan_rules *rules, const scan_request *request,
    scan_decision *decision) {
  candidate list[SCAN_MOST];
  while (decision->count < request->wanted) {
    int missing = request->wanted - decision->count;
    int limit = missing == 1 ? 1 : missing + 2 < 24 ? missing + 2 : 24;
    int found = scan(fleet, rules, request->memory, limit, list);
    bool is_full = found == limit;
    candidate bound = is_full ? list[limit - 1] : (candidate){0, 0};
    while (decision->count < request->wanted && found > 0) {
      int best = 0;
      for (int index = 1; index < found; index++)
        if (precedes(fleet, list[index], list[best])) best = index;
      candidate next = list[best];
      if (is_full && precedes(fleet, bound, next)) break;
      for (int index = best; index + 1 < found; index++) list[index] = list[index + 1];
      found--;
      if (decision->count == 0) {
        decision->proximity_score = rules->proximity[next.row];
        decision->resource_score = resource_score(fleet, next.row, request->memory);
        decision->data_locality_score =
            rules->data_zone < 0 || rules->data_zone == fleet->zone[next.row] ? 1 : 0;
        decision->fault_domain_score = domain_score(fleet, next.row);
      }
      decision->rows[decision->count++] = next.row;
      fleet->marks[next.row] |= 1;
      int32_t domain = fleet->domain[next.row];
      fleet->placements[domain]++;
      for (int index = 0; index < found; index++) {
        int32_t row = list[index].row;
        if (fleet->domain[row] != domain) continue;
        list[index].points = rules->standing[row] +
                             rules->weights.resources * resource_score(fleet, row, request->memory) +
                             rules->weights.fault_domain * domain_score(fleet, row);
      }
    }
    if (!is_full) return;
  }
}

void scan_decide(
    scan_fleet *fleet, const scan_rules *rules, const scan_request *request,
    scan_decision *decision) {
  decision->count = 0;
  for (int index = 0; index < request->excluded_count; index++)
    fleet->marks[request->excluded[index]] |= 1;
  for (int index = 0; index < request->holder_count; index++)
    fleet->marks[request->holders[index]] |= 2;
  for (int index = 0; index < request->companion_count; index++)
    fleet->placements[fleet->domain[request->companions[index]]]++;
  choose(fleet, rules, request, decision);
  for (int index = 0; index < request->excluded_count; index++)
    fleet->marks[request->excluded[index]] = 0;
  for (int index = 0; index < request->holder_count; index++)
    fleet->marks[request->holders[index]] = 0;
  for (int index = 0; index < request->companion_count; index++)
    fleet->placements[fleet->domain[request->companions[index]]] = 0;
  for (int index = 0; index < decision->count; index++) {
    fleet->marks[decision->rows[index]] = 0;
    fleet->placements[fleet->domain[decision->rows[index]]] = 0;
  }
}
