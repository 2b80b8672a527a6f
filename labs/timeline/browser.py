# SPDX-License-Identifier: GPL-2.0
"""A page in headless Chromium, driven as a reader would: look, zoom, rest the pointer."""

import os
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By

SIZE = (1360, 1000)


class Browser:
    """One window; close() ends it."""

    def __init__(self, scratch):
        options = webdriver.ChromeOptions()
        options.binary_location = "/usr/bin/chromium"
        for argument in ("--headless=new", "--disable-gpu", "--disable-dev-shm-usage",
                         "--hide-scrollbars", "--force-device-scale-factor=1",
                         f"--user-data-dir={scratch}/profile",
                         f"--window-size={SIZE[0]},{SIZE[1]}"):
            options.add_argument(argument)
        if os.geteuid() == 0:
            options.add_argument("--no-sandbox")    # Chromium's sandbox refuses root
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = webdriver.Chrome(service=Service("/usr/bin/chromedriver"), options=options)

    def open(self, path):
        """Loads a file."""
        self.driver.get(Path(path).resolve().as_uri())

    def complaints(self):
        """What the console has said since the last time."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def run(self, script, *arguments):
        """JavaScript's answer."""
        return self.driver.execute_script(script, *arguments)

    def find(self, selector):
        """The elements of a CSS selector."""
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def click(self, selector):
        """Clicks the first element."""
        self.find(selector)[0].click()

    def point(self, selector, x, y):
        """Puts the pointer so many pixels from the element's left top corner."""
        element = self.find(selector)[0]
        self.run("arguments[0].scrollIntoView({block: 'start'}); scrollBy(0, arguments[1])",
                 element, y - 400)
        box = self.run("const b = arguments[0].getBoundingClientRect();"
                       "return [b.left, b.top]", element)
        actions = ActionChains(self.driver)
        actions.w3c_actions.pointer_action.move_to_location(int(box[0] + x), int(box[1] + y))
        actions.perform()

    def tip(self):
        """The text of the box beside the pointer, or None."""
        tip = self.find("#tip")[0]
        return tip.text if tip.is_displayed() else None

    def screenshot(self, path, high=None):
        """Keeps what is seen; of the whole page if no height is given."""
        self.run("scrollTo(0, 0)")
        if high is None:
            high = self.run("return document.documentElement.scrollHeight")
        self.driver.set_window_size(SIZE[0], high)
        self.driver.save_screenshot(str(path))
        self.driver.set_window_size(*SIZE)

    def close(self):
        """The end."""
        self.driver.quit()
