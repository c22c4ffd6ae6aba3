#include <math.h>

#include "anatomy.h"

static uint64_t mix64(uint64_t x) { /* finaliser of SplitMix64 (Steele, Lea, Flood 2014) */
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

dm_ph_rng dm_ph_stream(uint64_t seed, int number, const char *stream) {
    uint64_t key = mix64(seed + 0x9e3779b97f4a7c15u);
    key = mix64(key ^ ((uint64_t)(uint32_t)number * 0xd1342543de82ef95u));
    for (const char *c = stream; *c; c++) key = mix64(key ^ (uint64_t)(unsigned char)*c);
    return (dm_ph_rng){key, 0};
}

double dm_ph_uniform(dm_ph_rng *r, double low, double high) {
    uint64_t bits = mix64(r->key + 0x9e3779b97f4a7c15u * ++r->count);
    return low + (high - low) * ((double)(bits >> 11) * 0x1.0p-53);
}

double dm_ph_normal(dm_ph_rng *r, double mean, double sd) {
    double sum = -6.0; /* twelve uniforms: no function of the C library that may differ between platforms */
    for (int i = 0; i < 12; i++) sum += dm_ph_uniform(r, 0.0, 1.0);
    return mean + sd * fmin(fmax(sum, -2.5), 2.5);
}

int dm_ph_chance(dm_ph_rng *r, double probability) {
    return dm_ph_uniform(r, 0.0, 1.0) < probability;
}

int dm_ph_pick(dm_ph_rng *r, int n) {
    return (int)dm_ph_uniform(r, 0.0, (double)n) % n;
}
