#!/bin/sh
# Starts the broker with the two users whose passwords the environment gives. Runs as the user that mosquitto runs as.
set -eu
umask 077

passwords=/mosquitto/secrets/passwords
mosquitto_passwd -c -b "$passwords" forewarn "$MQTT_PASSWORD"
mosquitto_passwd -b "$passwords" devices "$MQTT_DEVICE_PASSWORD"
exec mosquitto -c /mosquitto/config/mosquitto.conf
