// A C++ program with kernels of two programs in it, one of them called from several threads at once.
#include "kernels.h"
#include "others.h"
#include "values.h"

#include <thread>
#include <vector>

int main()
{
    const std::int64_t n = 100000;
    std::vector<double> x(n), expected(n);
    fill(x.data(), n, 0);
    CALL(kernels_double(x.data(), &n, nullptr, expected.data(), &n, nullptr, ERROR));
    std::vector<std::vector<double>> results(4, std::vector<double>(n));
    std::vector<std::int32_t> statuses(4, -1);
    std::vector<std::thread> threads;
    for (std::size_t k = 0; k < results.size(); k++) {
        threads.emplace_back([&, k] {
            for (int round = 0; round < 20; round++) {
                statuses[k] = kernels_double(x.data(), &n, nullptr, results[k].data(), &n, nullptr, nullptr, 0);
            }
        });
    }
    for (std::thread &thread : threads) thread.join();
    for (std::size_t k = 0; k < results.size(); k++) {
        if (statuses[k] != MICROTOME_OK || results[k] != expected) return 1;
    }
    double halved = 0;
    CALL(others_double(3.0, &halved, ERROR));
    show("others", &halved, 1);
    show("kernels", expected.data(), 5);
    return 0;
}
